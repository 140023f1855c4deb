/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A partition that sets its watchdog again in time runs on; disarmed, it may take its time; one
 * that is not heard of is stopped, whatever it does.
 */
#include "hypercall.h"
#include "scenario.h"

SCENARIO_STOPS(STOP_watchdog, 0, "A watchdog that is not set again stops its partition.");

#define PATIENCE_CYCLES 200000
#define ROUND_COUNT 10

static void wait_cycles(uint64_t cycles)
{
    int64_t until = hypercall_time_get() + (int64_t)cycles;

    while (hypercall_time_get() < until) {
    }
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t round = 0; round < ROUND_COUNT; round++) {
        EXPECT_CALL(hypercall_watchdog_set((uint64_t)hypercall_time_get() + PATIENCE_CYCLES), none);
        wait_cycles(PATIENCE_CYCLES / 2);
    }
    EXPECT_CALL(hypercall_watchdog_set(0), none);
    wait_cycles(2 * PATIENCE_CYCLES);
    EXPECT_CALL(hypercall_watchdog_set((uint64_t)hypercall_time_get() + PATIENCE_CYCLES), none);
    for (;;) {
        (void)hypercall_yield();
    }
}
