/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that steps over its own calls: one that returns at once, one that gives the
 * processor away, one that wakes it.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("A single step over a call of the monitor traps behind it, whoever ran meanwhile.");

static void step_try(const char *name, uint64_t number)
{
    struct trap_seen seen = {0};

    EXPECT(scenario_trap(step_over_call, (uintptr_t)number, &seen), "%s did not trap", name);
    EXPECT(seen.vector == VECTOR_DEBUG, "%s: vector %u", name, (unsigned)seen.vector);
    EXPECT(seen.code_address == (uintptr_t)step_over_call_end, "%s trapped at 0x%llx", name,
           (unsigned long long)seen.code_address);
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    step_try("version", HC_version);
    step_try("yield", HC_yield);
    step_try("event_poll", HC_event_poll);
    CALL(hypercall_timer_set((uint64_t)hypercall_time_get() + 50000));
    step_try("block", HC_block);
    step_try("yield", HC_yield);
}
