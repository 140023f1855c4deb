/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual processors: started by a sibling, stopped by one or by themselves. A
 * stopped one is free only when the processor that ran it has entered the monitor
 * again: until then its registers are still being saved and its root still loaded.
 * Called by start.c, monitor.c and the dispatcher.
 */
#include "processor.h"

#include <stddef.h>

#include "guest_memory.h"
#include "hypercall.h"
#include "memory.h"
#include "partition.h"
#include "roots.h"
#include "schedule.h"

void processor_reset(struct virtual_processor *record, uint64_t rip, uint64_t rsp, uint64_t rdi)
{
    memory_clear(&record->registers, sizeof(record->registers));
    record->registers.rip = rip;
    record->registers.rsp = rsp;
    record->registers.rdi = rdi;
    record->registers.rflags = RFLAGS_FIXED;
    record->registers.cs = SELECTOR_GUEST_CODE_64;
    record->registers.ss = SELECTOR_GUEST_DATA;
    record->fault_address = 0;
    record->fs_base = 0;
    record->gs_base = 0;
    record->gs_base_other = 0;
    record->kernel_stack_top = rsp;
    record->timer_deadline_cycles = 0;
    record->user_mode = 0;
    record->started = 1;
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
    if (partition_of(record)->state == PARTITION_RUNNING) {
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
                              const struct virtual_processor *target,
                              struct processor_context *context)
{
    if (target->state != VIRTUAL_PROCESSOR_STOPPED) {
        return ERROR_wrong_state;
    }
    if (processor_holds(target)) {
        return ERROR_busy;
    }
    if (guest_memory_peek(caller->kernel_root_frame, argument(caller, 1), context,
                          sizeof(*context)) != ERROR_none) {
        return ERROR_fault;
    }
    if (!address_is_guest(context->rip) || !address_is_guest(context->rsp)) {
        return ERROR_invalid_argument;
    }
    return root_take(caller->partition, context->kernel_root_frame);
}

int64_t hc_processor_start(struct virtual_processor *caller)
{
    struct virtual_processor *target = processor_sibling(caller, argument(caller, 0));
    struct processor_context context;
    enum error error;

    if (target == NULL) {
        return -ERROR_not_found;
    }
    error = start_check(caller, target, &context);
    if (error != ERROR_none) {
        return -(int64_t)error;
    }
    guest_memory_touch(caller->kernel_root_frame, argument(caller, 1), sizeof(context));
    target->kernel_root_frame = context.kernel_root_frame;
    target->user_root_frame = 0;
    for (uint32_t callback = 0; callback < CALLBACK_COUNT; callback++) {
        target->callbacks[callback] = caller->callbacks[callback];
    }
    processor_reset(target, context.rip, context.rsp, context.rdi);
    target->state = VIRTUAL_PROCESSOR_RUNNABLE;
    if (target->processor != caller->processor) {
        platform_kick(target->processor);
    } else {
        schedule_woken(target);
    }
    return 0;
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
