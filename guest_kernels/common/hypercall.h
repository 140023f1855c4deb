/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every call of the contract with typed arguments; numbers come from the contract.
 * Each returns what the monitor answered: a result, or -ERROR_*. Calls that only one
 * width has, or types differently, are in hypercall_32.h and hypercall_64.h. `iret` is not
 * here: its stack pointer must be the trap frame, so only the trap path can make it.
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include <width.h>

static inline int64_t hypercall_version(void)
{
    return call_0(HC_version);
}

static inline int64_t hypercall_console_write(const void *text, uint64_t size_bytes)
{
    return call_2(HC_console_write, (uintptr_t)text, size_bytes);
}

static inline int64_t hypercall_console_read(void *buffer, uint64_t size_bytes)
{
    return call_2(HC_console_read, (uintptr_t)buffer, size_bytes);
}

static inline int64_t hypercall_yield(void)
{
    return call_0(HC_yield);
}

static inline int64_t hypercall_block(void)
{
    return call_0(HC_block);
}

static inline int64_t hypercall_partition_exit(uint64_t code, const void *reason,
                                               uint64_t size_bytes)
{
    return call_3(HC_partition_exit, code, (uintptr_t)reason, size_bytes);
}

static inline int64_t hypercall_trap_handlers_set(const struct trap_handler *handlers,
                                                  uint64_t count)
{
    return call_2(HC_trap_handlers_set, (uintptr_t)handlers, count);
}

static inline int64_t hypercall_callback_set(enum callback callback, uint64_t handler)
{
    return call_2(HC_callback_set, (uint64_t)callback, handler);
}

static inline int64_t hypercall_kernel_stack_set(uint64_t top)
{
    return call_1(HC_kernel_stack_set, top);
}

static inline int64_t hypercall_table_pin(uint64_t machine_frame, uint32_t level)
{
    return call_2(HC_table_pin, machine_frame, level);
}

static inline int64_t hypercall_table_unpin(uint64_t machine_frame)
{
    return call_1(HC_table_unpin, machine_frame);
}

static inline int64_t hypercall_table_update(const struct table_update *updates, uint64_t count)
{
    return call_2(HC_table_update, (uintptr_t)updates, count);
}

static inline int64_t hypercall_mapping_update(uint64_t page, uint64_t entry)
{
    return call_1_wide(HC_mapping_update, page, entry);
}

static inline int64_t hypercall_roots_set(uint64_t kernel_root_frame, uint64_t user_root_frame)
{
    return call_2(HC_roots_set, kernel_root_frame, user_root_frame);
}

static inline int64_t hypercall_translation_flush(uint64_t page)
{
    return call_1(HC_translation_flush, page);
}

static inline int64_t hypercall_frames_release(uint64_t first_machine_frame, uint64_t count)
{
    return call_2(HC_frames_release, first_machine_frame, count);
}

static inline int64_t hypercall_event_send(uint32_t port)
{
    return call_1(HC_event_send, port);
}

static inline int64_t hypercall_event_send_processor(uint32_t processor, uint32_t port)
{
    return call_2(HC_event_send_processor, processor, port);
}

static inline int64_t hypercall_event_poll(void)
{
    return call_0(HC_event_poll);
}

static inline int64_t hypercall_timer_set(uint64_t deadline_cycles)
{
    return call_wide(HC_timer_set, deadline_cycles);
}

static inline int64_t hypercall_watchdog_set(uint64_t deadline_cycles)
{
    return call_wide(HC_watchdog_set, deadline_cycles);
}

static inline int64_t hypercall_time_get(void)
{
    return call_0(HC_time_get);
}

static inline int64_t hypercall_processor_stop(uint32_t processor)
{
    return call_1(HC_processor_stop, processor);
}

static inline int64_t hypercall_view_get(enum view_record record, uint64_t index, void *buffer,
                                         uint64_t size_bytes)
{
    return call_4(HC_view_get, (uint64_t)record, index, (uintptr_t)buffer, size_bytes);
}

static inline int64_t hypercall_mark(uint64_t id, uint64_t value)
{
    return call_2(HC_mark, id, value);
}

static inline int64_t hypercall_trace_set(uint64_t enabled)
{
    return call_1(HC_trace_set, enabled);
}

#endif
