/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the catching of traps: for the time of one function, all exceptions and system
 * calls lead to scenario_entry, which leaves the function for good. Handlers are the
 * whole partition's, so one virtual processor does this at a time.
 */
#include "scenario_trap.h"

#include "check.h"
#include "hypercall.h"
#include "processor.h"
#include "start.h"
#include "trap.h"

static uint32_t depth; /* of functions that run within one another */

static void handlers_set(void)
{
    struct trap_handler handlers[TRAP_VECTOR_LIMIT];

    for (uint32_t vector = 0; vector < TRAP_VECTOR_LIMIT; vector++) {
        handlers[vector] = (struct trap_handler){
            .vector = vector,
            .flags = TRAP_MASK_EVENTS,
            .address = (uintptr_t)scenario_entry,
        };
    }
    CALL(hypercall_trap_handlers_set(handlers, TRAP_VECTOR_LIMIT));
    CALL(hypercall_callback_set(CALLBACK_system_call, (uintptr_t)scenario_entry));
}

/* The trap masked events; what came meanwhile is taken now. */
static void events_restore(uint32_t events_masked)
{
    processors[0].shared->events_masked = events_masked;
    if (events_masked == 0) {
        CALL(hypercall_event_poll());
    }
}

int scenario_trap(scenario_function *function, uintptr_t argument, struct trap_seen *seen)
{
    uint32_t events_masked = processors[0].shared->events_masked;
    int trapped;

    if (depth++ == 0) {
        handlers_set();
    }
    trapped = scenario_run(function, argument);
    if (trapped) {
        scenario_frame_read(seen);
        events_restore(events_masked);
    }
    if (--depth == 0) {
        trap_functions_restore();
    }
    return trapped;
}
