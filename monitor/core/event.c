/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: a bit a port in the shared page, an upcall while the virtual interrupt
 * flag allows it, a wake-up in any case. Called by timer.c, schedule.c, monitor.c
 * and the dispatcher. Does not know what an event means.
 */
#include "event.h"

#include <stddef.h>

#include "hypercall.h"
#include "schedule.h"
#include "trap.h"
#include "view_reader.h"

bool event_wake(struct virtual_processor *target)
{
    if (target->state != VIRTUAL_PROCESSOR_BLOCKED || !event_is_pending(target)) {
        return false;
    }
    target->state = VIRTUAL_PROCESSOR_RUNNABLE;
    return true;
}

bool event_raise(struct virtual_processor *target, uint64_t port)
{
    struct shared_page *shared = machine_pointer(target->shared_frame << PAGE_SHIFT);

    platform_or(&shared->events_pending, 1ull << port);
    return event_wake(target);
}

bool event_deliver(struct virtual_processor *record)
{
    const struct trap trap = {
        .vector = VECTOR_EVENT,
        .handler_address = record->callbacks[CALLBACK_event],
        .mask_events = true,
    };

    if (!trap_deliver(record, &trap)) {
        return false;
    }
    partition_of(record)->counters.events_delivered++;
    return true;
}

static void event_send(struct virtual_processor *caller, struct virtual_processor *target,
                       uint64_t port)
{
    bool woken = event_raise(target, port);

    partition_of(caller)->counters.events_sent++;
    if (target->processor != caller->processor) {
        platform_kick(target->processor);
    } else if (woken) {
        schedule_woken(target);
    }
}

int64_t hc_event_send(struct virtual_processor *caller)
{
    struct event_target to;
    const struct partition *target;

    if (!view_event_target(caller, argument(caller, 0), &to) || to.partition >= PARTITION_LIMIT ||
        to.port >= EVENT_PORT_LIMIT) {
        return -ERROR_not_found;
    }
    target = &monitor_state()->partitions[to.partition];
    if (!partition_is_living(target)) {
        return -ERROR_wrong_state;
    }
    if (to.processor >= target->virtual_processor_count) {
        return -ERROR_not_found;
    }
    event_send(caller, record_get(target->first_virtual_processor + to.processor), to.port);
    return 0;
}

int64_t hc_event_send_processor(struct virtual_processor *caller)
{
    const struct partition *partition = partition_of(caller);
    uint64_t index = argument(caller, 0);
    uint64_t port = argument(caller, 1);

    if (index >= partition->virtual_processor_count || port >= EVENT_PORT_LIMIT) {
        return -ERROR_not_found;
    }
    event_send(caller, record_get(partition->first_virtual_processor + (uint32_t)index), port);
    return 0;
}

/* The callback is taken on the way out of every entry: coming here is enough. */
int64_t hc_event_poll(struct virtual_processor *caller)
{
    (void)caller;
    return 0;
}

int64_t hc_block(struct virtual_processor *caller)
{
    shared_page_of(caller)->events_masked = 0;
    if (!event_is_pending(caller)) {
        caller->state = VIRTUAL_PROCESSOR_BLOCKED;
        processor_of(caller)->attention = 1;
    }
    return 0;
}
