/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same, behind other instructions and more often than the engine counts runs within runs.
 */
#include "shared/hostile.h"

HOSTILE("A locked bit instruction is undefined as often as it is met, and what precedes it runs.");

#define ROUND_COUNT 100

static volatile uint32_t reached;

static void locked(uintptr_t argument)
{
    reached++;
    (void)argument;
    __asm__ volatile(".byte 0xf0, 0x0f, 0xab, 0xc0");
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t round = 1; round <= ROUND_COUNT; round++) {
        expect_trap("lock bts", locked, 0, VECTOR_INVALID_OPCODE, 0);
        EXPECT(reached == round, "what precedes it did not run");
    }
}
