/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A timer that is due at once, armed again by its own handler.
 */
#include "shared/hostile.h"
#include "event.h"

HOSTILE("Timers that are due at once are delivered one by one.");

#define TIMER_COUNT 500

static volatile uint32_t seen;

static void timer_seen(uint32_t port)
{
    (void)port;
    if (++seen < TIMER_COUNT) {
        CALL(hypercall_timer_set(seen % 2 == 0 ? 1 : (uint64_t)hypercall_time_get() + 1));
    }
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    event_function_set(PORT_TIMER, timer_seen);
    events_start();
    CALL(hypercall_timer_set(1));
    while (seen < TIMER_COUNT) {
        events_wait();
    }
    EXPECT_CALL(hypercall_timer_set(TIME_NEVER), none);
    EXPECT_CALL(hypercall_timer_set(TIME_NEVER - 1), none);
    EXPECT_CALL(hypercall_timer_set(0), none);
}
