/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers: one a virtual processor, absolute, raising PORT_TIMER. Called by
 * schedule.c and the dispatcher. A record without a slot in its processor's map
 * never runs, so the map names all timers of the processor.
 */
#include "timer.h"

#include "event.h"
#include "hypercall.h"
#include "schedule.h"

uint64_t timers_expire(const struct view_processor *map, uint64_t now)
{
    uint64_t next = TIME_NEVER;

    for (uint32_t slot = 0; slot < map->slot_count; slot++) {
        struct virtual_processor *record = record_get(map->slots[slot].virtual_processor);
        uint64_t deadline = record->timer_deadline_cycles;

        if (deadline != 0 && deadline <= now) {
            record->timer_deadline_cycles = 0;
            (void)event_raise(record, PORT_TIMER);
        } else if (deadline != 0 && deadline < next) {
            next = deadline;
        }
    }
    return next;
}

/*
 * What lies beyond the end of the slot is given back to the others by setting the
 * clock back, so a guest is not shown it: its clock never goes backwards.
 */
static uint64_t timer_now(const struct virtual_processor *caller)
{
    uint64_t now = platform_time(caller->processor);
    uint64_t slot_end = processor_of(caller)->slot_end_cycles;

    return now < slot_end ? now : slot_end;
}

int64_t hc_timer_set(struct virtual_processor *caller)
{
    uint64_t deadline = argument_wide(caller, 0);

    caller->timer_deadline_cycles = deadline;
    if (deadline != 0 && deadline <= timer_now(caller)) {
        caller->timer_deadline_cycles = 0;
        (void)event_raise(caller, PORT_TIMER);
    }
    schedule_deadline_update(processor_of(caller));
    return 0;
}

int64_t hc_time_get(struct virtual_processor *caller)
{
    return (int64_t)timer_now(caller);
}
