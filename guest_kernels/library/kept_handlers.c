/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trap function that the scenario has set serves again after scenario_trap, and a trap
 * without one stops the partition.
 */
#include "scenario.h"
#include "trap.h"

SCENARIO_STOPS(STOP_unhandled_trap, VECTOR_INVALID_OPCODE,
               "Handlers of before serve after a trap was tried out, and no others do.");

#define VECTOR_BREAKPOINT 3

static uint32_t breakpoints;

static struct trap_state *breakpoint_count(struct trap_state *state)
{
    breakpoints++;
    return state;
}

static void breakpoint_raise(uintptr_t argument)
{
    (void)argument;
    __asm__ volatile("int3" ::: "memory");
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen;

    (void)start;
    trap_function_set(VECTOR_BREAKPOINT, breakpoint_count);
    EXPECT(scenario_trap(breakpoint_raise, 0, &seen) && seen.vector == VECTOR_BREAKPOINT,
           "nothing trapped");
    EXPECT(breakpoints == 0, "the handler of before ran %u times", breakpoints);
    breakpoint_raise(0);
    EXPECT(breakpoints == 1, "the handler of before ran %u times afterwards", breakpoints);
    __asm__ volatile("ud2");
}
