/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's door: one entry, one lock, one way out. Called by native/engine and
 * monitor/entry. A hypercall that leaves everything as it is takes the shortest path
 * through here; what it costs is measured.
 */
#include <stddef.h>

#include "event.h"
#include "generation.h"
#include "hypercall.h"
#include "partition.h"
#include "processor.h"
#include "schedule.h"
#include "start.h"
#include "trap.h"

void monitor_start(void)
{
    struct monitor *monitor = monitor_state();

    platform_lock(&monitor->lock);
    start_host();
    platform_unlock(&monitor->lock);
}

/*
 * Who runs next, with its event delivered. Each turn that does not return has stopped
 * a partition, whose frame could not be written: there are only so many.
 */
static struct virtual_processor *monitor_leave(struct processor *processor,
                                               const struct virtual_processor *loaded)
{
    for (uint32_t count = 0; count <= PARTITION_LIMIT; count++) {
        struct virtual_processor *record = record_get(processor->current);
        bool was_user = record->user_mode != 0;

        if (record->state != VIRTUAL_PROCESSOR_RUNNABLE || record->yielded != YIELD_NONE) {
            schedule_run(processor, false);
            record = record_get(processor->current);
            was_user = record->user_mode != 0;
        }
        /* Root and bases of a record that is being switched in are loaded by the switch. */
        if (was_user && record == loaded) {
            trap_mode_save(record);
        }
        if (record_is_idle(record) || !event_is_due(record) || event_deliver(record)) {
            if (was_user && record->user_mode == 0 && record == loaded) {
                trap_mode_load(record);
            }
            processor->attention = 0;
            return record;
        }
    }
    platform_panic("no partition is left that could be stopped");
}

struct virtual_processor *monitor_first(uint32_t id)
{
    struct monitor *monitor = monitor_state();
    struct processor *processor = &monitor->processors[id];
    struct virtual_processor *first;

    MONITOR_ASSERT(id < monitor->processor_count);
    platform_lock(&monitor->lock);
    schedule_run(processor, false);
    first = monitor_leave(processor, record_get(IDLE_ID_FIRST + id));
    platform_unlock(&monitor->lock);
    return first;
}

/*
 * A call from kernel mode: the shortest path. Nothing is sanitised on it: `syscall` leaves the
 * flags that the guest had in ring 3, and the entry path its own selectors.
 */
static inline bool is_kernel_call(const struct virtual_processor *current)
{
    return LIKELY(current->registers.vector == ENTRY_SYSCALL) && LIKELY(current->user_mode == 0) &&
           LIKELY(address_is_canonical(current->registers.rip));
}

/* Attention at the entry: another processor has stopped it meanwhile. */
static inline void monitor_handle(const struct processor *processor,
                                  struct virtual_processor *current)
{
    if (LIKELY(processor->attention == 0) && is_kernel_call(current)) {
        hypercall_run(current);
    } else {
        trap_handle(current);
    }
}

/* The first entry since the view has changed, whatever it is for: the change is followed. */
static __attribute__((noinline)) void monitor_handle_changed(struct processor *processor,
                                                             struct virtual_processor *current)
{
    uint64_t vector = current->registers.vector;

    generation_notice(processor);
    monitor_handle(processor, current);
    if (vector != ENTRY_TIMER && vector != ENTRY_KICK) {
        processor_depart(processor);
        generation_step(processor);
        schedule_run(processor, false);
    }
}

struct virtual_processor *monitor_enter(struct virtual_processor *current)
{
    struct processor *processor = processor_of(current);
    struct virtual_processor *next = current;

    platform_lock(&monitor_state()->lock);
    if (UNLIKELY(processor->view_generation != view_generation())) {
        monitor_handle_changed(processor, current);
    } else {
        monitor_handle(processor, current);
    }
    if (UNLIKELY(processor->attention != 0 || event_is_due(current))) {
        next = monitor_leave(processor, current);
    }
    platform_unlock(&monitor_state()->lock);
    return next;
}
