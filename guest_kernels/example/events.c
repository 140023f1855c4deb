/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a scenario waits for events, also while its user mode runs.
 */
#include "event.h"
#include "hypercall.h"
#include "scenario.h"
#include "trap.h"

#define FAR_CYCLES 20000
#define ROUNDS 100000

SCENARIO(4 * 1024 * 1024, "A timer interrupts user mode, which then goes on to its own end.");

static volatile uint32_t timer_count;

static void timer_came(uint32_t port)
{
    (void)port;
    timer_count++;
}

static void rounds_run(uintptr_t rounds)
{
    for (uintptr_t i = 0; i < rounds; i++) {
        __asm__ volatile("" ::: "memory");
    }
    scenario_user_leave(rounds);
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen;

    (void)start;
    event_function_set(PORT_TIMER, timer_came);
    events_start();
    events_unmask();
    EXPECT_CALL(hypercall_timer_set((uint64_t)hypercall_time_get() + FAR_CYCLES), none);
    scenario_user(rounds_run, ROUNDS, &seen);
    EXPECT(seen.vector == VECTOR_SYSTEM_CALL, "user mode ended with vector %u",
           (unsigned)seen.vector);
    EXPECT(seen.result == ROUNDS, "user mode did %u rounds", (unsigned)seen.result);
    EXPECT(timer_count == 1, "the timer came %u times", (unsigned)timer_count);
    EXPECT((seen.state & FRAME_STATE_EVENTS_MASKED) == 0, "events were masked in user mode");
}
