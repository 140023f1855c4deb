/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping a partition: the fault domain of everything that a guest does wrong. Its
 * memory, tables and roots stay as they were for whoever asks why, until the view takes them
 * away. Called by trap.c, trap_return.c, processor.c, start_partition.c, generation.c,
 * revocation.c and the dispatcher.
 */
#include "partition.h"

#include "guest_memory.h"
#include "hypercall.h"
#include "memory.h"

static void partition_leave(const struct partition *partition, uint32_t calling_processor)
{
    struct monitor *monitor = monitor_state();

    for (uint32_t id = 0; id < monitor->processor_count; id++) {
        const struct virtual_processor *current = record_get(monitor->processors[id].current);

        if (record_is_idle(current) || current->partition != partition->id) {
            continue;
        }
        monitor->processors[id].attention = 1;
        if (id != calling_processor) {
            platform_kick(id);
        }
    }
}

struct stop_record *partition_stop(struct partition *partition, enum stop_reason reason,
                                   uint32_t calling_processor)
{
    MONITOR_ASSERT(partition_is_living(partition) || partition->state == PARTITION_READY);
    if (partition_is_living(partition)) {
        monitor_state()->running_partitions--;
    }
    partition->state = PARTITION_STOPPED;
    partition->stop.reason = (uint32_t)reason;
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        struct virtual_processor *record = record_get(partition->first_virtual_processor + index);

        record->state = VIRTUAL_PROCESSOR_STOPPED;
        record->timer_deadline_cycles = 0;
    }
    partition_leave(partition, calling_processor);
    return &partition->stop;
}

void partition_sever(struct partition *partition, uint32_t calling_processor)
{
    if (partition_is_living(partition) || partition->state == PARTITION_READY) {
        (void)partition_stop(partition, STOP_revoked, calling_processor);
    } else {
        partition_leave(partition, calling_processor);
    }
    partition->severed = SEVERED_ORDERED;
    monitor_state()->progress.epoch++;
}

void partition_stop_deserted(struct partition *partition, uint32_t calling_processor)
{
    static const char text[] = "all virtual processors stopped";
    struct stop_record *stop = partition_stop(partition, STOP_exit, calling_processor);

    memory_copy(stop->text, text, sizeof(text));
}

/* What a guest says goes to a person's terminal: printable bytes only. */
static void exit_text_set(struct stop_record *stop, const char *text, uint64_t size_bytes)
{
    for (uint64_t index = 0; index < size_bytes; index++) {
        stop->text[index] = text[index] >= ' ' && text[index] <= '~' ? text[index] : '?';
    }
    stop->text[size_bytes] = '\0';
}

int64_t hc_partition_exit(struct virtual_processor *caller)
{
    char text[EXIT_REASON_LIMIT];
    uint64_t size_bytes = argument(caller, 2);
    struct stop_record *stop;

    if (size_bytes > EXIT_REASON_LIMIT - 1) {
        return -ERROR_limit;
    }
    if (guest_memory_read(caller, argument(caller, 1), text, size_bytes) != ERROR_none) {
        return -ERROR_fault;
    }
    stop = partition_stop(partition_of(caller), STOP_exit, caller->processor);
    stop->exit_code = argument(caller, 0);
    if (record_is_32(caller)) { /* -1 is -1 in either width */
        stop->exit_code = (uint64_t)(int64_t)(int32_t)stop->exit_code;
    }
    exit_text_set(stop, text, size_bytes);
    return 0;
}
