/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A handler that changes nothing returns to the instruction that faults, again and again.
 */
#include "shared/hostile.h"

HOSTILE("A fault that its handler does not mend comes again, for as long as it likes.");

#define ROUND_COUNT 2000

static volatile uint32_t rounds;

static struct trap_state *fault(struct trap_state *state)
{
    if (++rounds == ROUND_COUNT) {
        page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    }
    return state;
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    trap_function_set(VECTOR_PAGE_FAULT, fault);
    byte_write(SCRATCH);
    EXPECT(rounds == ROUND_COUNT, "%u faults", (unsigned)rounds);
}
