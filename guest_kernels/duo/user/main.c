/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user program: one image for all processes, the role is the entry's argument.
 */
#include "tests.h"

#include "format.h"
#include "program.h"
#include <user_width.h>

#define REPEATS 3

extern const char program_text_end[], program_constants_end[], program_data_end[],
    program_bss_end[];

void program_entry(void);
_Noreturn void program_main(uint32_t role);

const struct program_header program_header __attribute__((section(".program_header"), used)) = {
    .magic = PROGRAM_MAGIC,
    .entry = (uintptr_t)program_entry,
    .text_end = (uintptr_t)program_text_end,
    .constants_end = (uintptr_t)program_constants_end,
    .data_end = (uintptr_t)program_data_end,
    .bss_end = (uintptr_t)program_bss_end,
};

static _Noreturn void leave(uint64_t code)
{
    for (;;) {
        (void)system_call(SYSTEM_CALL_exit, code, 0);
    }
}

void say(const char *format, ...)
{
    char text[SYSTEM_CALL_WRITE_LIMIT];
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)system_call(SYSTEM_CALL_write, (uintptr_t)text, length);
}

void expect(int condition, const char *what)
{
    if (!condition) {
        say("wrong: %s", what);
        leave(1);
    }
}

/* Through a pointer that the compiler must believe in: writing to 0 is what is wanted. */
static void crash(void)
{
    volatile uint32_t *volatile nowhere = (volatile uint32_t *)0;

    say("writes to address 0");
    *nowhere = 1;
    say("survived");
}

static void calls_test(uint32_t role)
{
    expect(system_call(SYSTEM_CALL_id, 0, 0) == role, "id");
    expect(system_call(SYSTEM_CALL_yield, 0, 0) == 0, "yield");
    expect(system_call(SYSTEM_CALL_COUNT, 0, 0) == SYSTEM_CALL_FAILED, "a call that is none");
    expect(system_call(SYSTEM_CALL_write, 0, 1) == SYSTEM_CALL_FAILED, "text at address 0");
    expect(system_call(SYSTEM_CALL_write, ~(uint64_t)0, 8) == SYSTEM_CALL_FAILED,
           "text at the end");
}

static void work(uint32_t role)
{
    uint64_t seed = 0x9e3779b97f4a7c15ull * (role + 1);
    uint64_t sum;

    calls_test(role);
    sum = memory_test(seed);
    say("memory %016llx", (unsigned long long)sum);
    for (unsigned i = 0; i < REPEATS; i++) {
        sum = floating_test(seed + i);
        say("floating %016llx", (unsigned long long)sum);
        sum = base_test(seed + i);
        say("base %016llx", (unsigned long long)sum);
        expect(system_call(SYSTEM_CALL_yield, 0, 0) == 0, "yield");
    }
    sum = patch_test(seed);
    say("patched %016llx", (unsigned long long)sum);
}

void program_main(uint32_t role)
{
    if (role == ROLE_crash) {
        crash();
    }
    work(role);
    leave(0);
}
