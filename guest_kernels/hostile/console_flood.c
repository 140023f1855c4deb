/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As many bytes to the console as a call takes, again and again.
 */
#include "shared/hostile.h"
#include "bytes.h"

HOSTILE("A flood of the console is taken to the last byte.");

#define CALL_COUNT 32

static uint8_t text[CONSOLE_LIMIT];

void scenario_main(const struct start_page *start)
{
    (void)start;
    memset(text, '~', sizeof(text));
    for (uint32_t i = 0; i < CALL_COUNT; i++) {
        EXPECT(hypercall_console_write(text, CONSOLE_LIMIT) == CONSOLE_LIMIT, "bytes were lost");
    }
}
