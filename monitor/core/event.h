/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event ports and the virtual interrupt flag; see event.c. */
#ifndef EVENT_H
#define EVENT_H

#include "state.h"

/* Something is pending that is not disabled. The flag does not matter: a blocked record wakes. */
static inline bool event_is_pending(const struct virtual_processor *record)
{
    volatile struct shared_page *shared = shared_page_of(record);

    return (shared->events_pending & ~shared->events_disabled) != 0;
}

/* The callback is to be entered before the record goes on. Idle records have frame 0: all zero. */
static inline bool event_is_due(const struct virtual_processor *record)
{
    volatile struct shared_page *shared = shared_page_of(record);
    uint64_t pending = shared->events_pending;

    /* Nothing pending is what the shortest path finds: the rest comes after it. */
    return UNLIKELY(pending != 0) && (pending & ~shared->events_disabled) != 0 &&
           shared->events_masked == 0 && record->callbacks[CALLBACK_event] != 0;
}

/* Marks a port pending. True: the record was blocked and is runnable now. */
bool event_raise(struct virtual_processor *target, uint64_t port);
/* The same for ports that something else marked. */
bool event_wake(struct virtual_processor *target);

/* Enters the callback. False: the partition was stopped instead. */
bool event_deliver(struct virtual_processor *record);

#endif
