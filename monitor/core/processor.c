/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual processors: started by a sibling, stopped by one or by themselves. A
 * stopped one is free only when the processor that ran it has entered the monitor
 * again: until then its registers are still being saved and its root still loaded.
 * Called by start_partition.c, generation.c, monitor.c and the dispatcher.
 */
#include "processor.h"

#include <stddef.h>

#include "event.h"
#include "guest_memory.h"
#include "hypercall.h"
#include "memory.h"
#include "partition.h"
#include "roots.h"
#include "schedule.h"
#include "trap.h"

void processor_reset(struct virtual_processor *record, const struct processor_start *start)
{
    record->registers = start->registers;
    record->selectors = start->selectors;
    memory_clear(record->descriptors, sizeof(record->descriptors));
    record->fault_address = 0;
    record->fs_base = 0;
    record->gs_base = 0;
    record->gs_base_other = 0;
    record->kernel_stack_top = start->registers.rsp;
    record->timer_deadline_cycles = 0;
    record->user_mode = 0;
    record->started = 1;
    trap_sanitise(record);
    roots_enter(record, start->kernel_root_frame, 0);
    shared_page_of(record)->events_masked = 1;
    platform_context_reset(record);
}

/* Its processor runs it, or has left it without having entered the monitor since. */
static bool processor_holds(const struct virtual_processor *record)
{
    const struct processor *processor = processor_of(record);

    return processor->current == record->id || processor->departed == record->id + 1;
}

void processor_depart(struct processor *processor)
{
    struct virtual_processor *record;

    if (processor->departed == 0) {
        return;
    }
    record = record_get(processor->departed - 1);
    processor->departed = 0;
    processor->entry_due_cycles = TIME_NEVER;
    if (partition_is_living(partition_of(record))) {
        roots_release(record);
    }
}

static struct virtual_processor *processor_sibling(const struct virtual_processor *caller,
                                                   uint64_t index)
{
    const struct partition *partition = partition_of(caller);

    return index < partition->virtual_processor_count
               ? record_get(partition->first_virtual_processor + (uint32_t)index)
               : NULL;
}

static enum error start_check(const struct virtual_processor *caller,
                              const struct virtual_processor *target, struct processor_start *start)
{
    enum error error;

    if (target->state != VIRTUAL_PROCESSOR_STOPPED) {
        return ERROR_wrong_state;
    }
    if (processor_holds(target)) {
        return ERROR_busy;
    }
    error = processor_context_peek(caller, argument(caller, 1), start);
    if (error != ERROR_none) {
        return error;
    }
    return root_take(caller->partition, start->kernel_root_frame);
}

int64_t hc_processor_start(struct virtual_processor *caller)
{
    struct virtual_processor *target = processor_sibling(caller, argument(caller, 0));
    struct processor_start start;
    enum error error;

    if (target == NULL) {
        return -ERROR_not_found;
    }
    error = start_check(caller, target, &start);
    if (error != ERROR_none) {
        return -(int64_t)error;
    }
    guest_memory_touch(caller, argument(caller, 1), processor_context_size_bytes(caller));
    for (uint32_t callback = 0; callback < CALLBACK_COUNT; callback++) {
        target->callbacks[callback] = caller->callbacks[callback];
    }
    processor_reset(target, &start);
    target->state = VIRTUAL_PROCESSOR_RUNNABLE;
    if (UNLIKELY(partition_of(target)->state == PARTITION_PAUSED)) {
        processor_pause(target);
    }
    if (target->processor != caller->processor) {
        platform_kick(target->processor);
    } else {
        schedule_woken(target);
    }
    return 0;
}

/* What runs on another processor stays as it is until that one enters: it may be in a call. */
void processor_pause(struct virtual_processor *record)
{
    if (record->state == VIRTUAL_PROCESSOR_RUNNABLE || record->state == VIRTUAL_PROCESSOR_BLOCKED) {
        record->paused_state = (uint16_t)record->state;
        record->state = VIRTUAL_PROCESSOR_PAUSED;
    }
}

void processor_resume(struct virtual_processor *record)
{
    if (record->state == VIRTUAL_PROCESSOR_PAUSED) {
        record->state = record->paused_state;
        (void)event_wake(record);
    }
}

static bool partition_is_deserted(const struct partition *partition)
{
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        if (record_get(partition->first_virtual_processor + index)->state !=
            VIRTUAL_PROCESSOR_STOPPED) {
            return false;
        }
    }
    return true;
}

int64_t hc_processor_stop(struct virtual_processor *caller)
{
    struct virtual_processor *target = processor_sibling(caller, argument(caller, 0));

    if (target == NULL) {
        return -ERROR_not_found;
    }
    if (target->state == VIRTUAL_PROCESSOR_STOPPED) {
        return -ERROR_wrong_state;
    }
    target->state = VIRTUAL_PROCESSOR_STOPPED;
    target->timer_deadline_cycles = 0;
    if (partition_is_deserted(partition_of(caller))) {
        partition_stop_deserted(partition_of(caller), caller->processor);
    } else if (!processor_holds(target)) {
        roots_release(target);
    } else {
        processor_of(target)->attention = 1;
        if (target->processor != caller->processor) {
            platform_kick(target->processor);
        }
    }
    return 0;
}
