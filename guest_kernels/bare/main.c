/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernels of `compute` without a monitor below them, for another emulator to run: the
 * reference of speed. The very objects that the guest links, the same rounds, and the same
 * last line, on the debug console; it leaves through the debug exit device. It is no guest.
 */
#include <stddef.h>
#include <stdint.h>

#include "../compute/kernels.h"
#include "format.h"
#include "option.h"

#define ROUNDS_DEFAULT 8
#define CONSOLE_PORT 0xe9
#define EXIT_PORT 0xf4
/* The emulator's exit status is twice this and one more. */
#define EXIT_DONE 16
#define EXIT_WRONG 17
#define PVH_MAGIC 0x336ec578u
#define LINE_SIZE_BYTES 128
#define KERNEL_COUNT (sizeof(kernels) / sizeof(kernels[0]))

/* The beginning of what PVH hands over; addresses are physical. */
struct start_information {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t module_list;
    uint64_t command_line;
};

static uint64_t (*const kernels[])(uint64_t seed) = {sort_run, hash_run, matrix_run, list_run,
                                                     bytecode_run};

void bare_main(const struct start_information *start) __attribute__((noreturn));

static void port_write_8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void port_write_32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static void print_line(const char *line)
{
    for (; *line != '\0'; line++) {
        port_write_8(CONSOLE_PORT, (uint8_t)*line);
    }
}

static void leave(uint32_t code) __attribute__((noreturn));
static void leave(uint32_t code)
{
    for (;;) {
        port_write_32(EXIT_PORT, code);
    }
}

static const char *command_line_of(const struct start_information *start)
{
    if (start->magic != PVH_MAGIC || start->command_line == 0) {
        return "";
    }
    return (const char *)(uintptr_t)start->command_line;
}

void bare_main(const struct start_information *start)
{
    uint64_t rounds = option_number(command_line_of(start), "rounds", ROUNDS_DEFAULT);
    uint64_t total = 0;
    char line[LINE_SIZE_BYTES];

    for (uint64_t round = 1; round <= rounds; round++) {
        for (unsigned i = 0; i < KERNEL_COUNT; i++) {
            uint64_t sum = kernels[i](round);

            if (sum == 0) {
                print_line("a kernel found its own result wrong\n");
                leave(EXIT_WRONG);
            }
            total = total * 33 ^ sum;
        }
    }
    (void)format_text(line, sizeof line, "compute: %llu rounds, total %016llx\n",
                      (unsigned long long)rounds, (unsigned long long)total);
    print_line(line);
    leave(EXIT_DONE);
}
