/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchdogs: one a partition, absolute, looked after by the processor of its first virtual
 * processor, whatever that one's map has for it. Called by schedule.c and the dispatcher.
 */
#include "watchdog.h"

#include "hypercall.h"
#include "partition.h"
#include "schedule.h"

void watchdogs_expire(struct processor *processor, uint64_t now)
{
    uint64_t next = TIME_NEVER;

    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        struct partition *partition = &monitor_state()->partitions[id];
        uint64_t deadline = partition->watchdog_deadline_cycles;

        if (deadline == 0 || !partition_is_living(partition) ||
            record_get(partition->first_virtual_processor)->processor != processor->id) {
            continue;
        }
        if (deadline <= now) {
            partition_stop(partition, STOP_watchdog, processor->id)->address = deadline;
        } else if (deadline < next) {
            next = deadline;
        }
    }
    processor->watchdog_due_cycles = next;
}

/* What another one watches is looked at there, at its next entry: a later time is no harm. */
int64_t hc_watchdog_set(struct virtual_processor *caller)
{
    struct partition *partition = partition_of(caller);
    struct processor *processor = processor_of(record_get(partition->first_virtual_processor));
    uint64_t deadline = argument_wide(caller, 0);

    partition->watchdog_deadline_cycles = deadline;
    if (deadline != 0 && deadline < processor->watchdog_due_cycles) {
        processor->watchdog_due_cycles = deadline;
        if (processor->id == caller->processor) {
            schedule_deadline_update(processor);
        } else {
            platform_kick(processor->id);
        }
    }
    return 0;
}
