/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns how a poke is written.
 */
#include "poke.h"

#include "bytes.h"
#include "channel_map.h"
#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "shared_word.h"

#define LINE_LIMIT_BYTES 40u
#define PAGE_MASK 0xfffu

static const char prefix[] = "poke ";

static uint64_t digits(const char *line, uint32_t size_bytes, uint32_t *place)
{
    uint64_t number = 0;

    while (*place < size_bytes && line[*place] == ' ') {
        ++*place;
    }
    for (; *place < size_bytes && line[*place] != ' '; ++*place) {
        char digit = line[*place];

        number = number << 4 | (uint64_t)(digit >= 'a' ? digit - 'a' + 10 : digit - '0');
    }
    return number;
}

int poke_line(const char *line, uint32_t size_bytes)
{
    struct channel_place place = {.address = 0};
    uint32_t at = sizeof(prefix) - 1;
    uintptr_t page;

    if (size_bytes < at || memcmp(line, prefix, at) != 0) {
        return 0;
    }
    place.address = digits(line, size_bytes, &at) & ~3ull;
    page = (uintptr_t)channel_pointer(&place);
    shared_write_32((volatile uint32_t *)(page + (uintptr_t)(place.address & PAGE_MASK)),
                    (uint32_t)digits(line, size_bytes, &at));
    return 1;
}

static void console_came(uint32_t port)
{
    static char line[LINE_LIMIT_BYTES];
    static uint32_t size_bytes;
    char byte;

    (void)port;
    while (CALL(hypercall_console_read(&byte, 1)) == 1) {
        if (byte == '\n') {
            (void)poke_line(line, size_bytes);
            size_bytes = 0;
        } else if (size_bytes < LINE_LIMIT_BYTES) {
            line[size_bytes++] = byte;
        }
    }
}

void poke_listen(void)
{
    event_function_set(PORT_CONSOLE, console_came);
}
