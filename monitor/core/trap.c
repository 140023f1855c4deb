/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What made a guest enter the monitor, and the way into its own kernel: a frame on
 * its kernel stack, then its handler. Called by monitor.c and event.c. Knows neither
 * why an exception happened nor what the guest does with it.
 */
#include "trap.h"

#include <stddef.h>

#include "generation.h"
#include "guest_memory.h"
#include "hypercall.h"
#include "partition.h"
#include "processor.h"
#include "roots.h"
#include "schedule.h"
#include "trap_frame.h"

#define SYSCALL_SIZE_BYTES 2
#define SOFTWARE_INTERRUPT_SIZE_BYTES 2
#define VMCALL_SIZE_BYTES 3
/* Of an error code: the fault came of a gate of the interrupt table. */
#define ERROR_CODE_GATE 0x2
/* Of a page fault's: the page is there, but forbids the access. */
#define ERROR_CODE_PRESENT 0x1

void trap_mode_set(struct virtual_processor *record, uint32_t user_mode)
{
    uint64_t base = record->gs_base;

    record->user_mode = user_mode;
    if (!record_is_32(record)) {
        record->gs_base = record->gs_base_other;
        record->gs_base_other = base;
        root_activate(record);
    }
}

static void sanitise_32(struct virtual_processor *record)
{
    struct registers *registers = &record->registers;

    registers->rip = (uint32_t)registers->rip;
    registers->rsp = (uint32_t)registers->rsp;
    registers->cs = record->user_mode != 0 ? SELECTOR_USER_CODE_32 : SELECTOR_KERNEL_CODE_32;
    registers->ss = record->user_mode != 0 ? SELECTOR_GUEST_DATA : SELECTOR_KERNEL_DATA_32;
}

void trap_sanitise(struct virtual_processor *record)
{
    struct registers *registers = &record->registers;

    registers->rflags = (registers->rflags & RFLAGS_GUEST) | RFLAGS_FIXED;
    registers->cs = SELECTOR_GUEST_CODE_64;
    registers->ss = SELECTOR_GUEST_DATA;
    if (record_is_32(record)) {
        sanitise_32(record);
    }
}

static void trap_stop_in_delivery(struct virtual_processor *record, const struct trap *trap,
                                  uint64_t stack_address)
{
    struct stop_record *stop =
        partition_stop(partition_of(record), STOP_trap_in_delivery, record->processor);

    stop->vector = (uint32_t)trap->vector;
    stop->error_code = trap->error_code;
    stop->rip = record->registers.rip;
    stop->address = stack_address;
}

bool trap_deliver(struct virtual_processor *record, const struct trap *trap)
{
    struct registers *registers = &record->registers;
    uint64_t address;

    trap_sanitise(record);
    if (!trap_frame_write(record, trap, &address)) {
        trap_stop_in_delivery(record, trap, address);
        return false;
    }
    if (record->user_mode != 0) {
        trap_mode_set(record, 0);
    }
    if (trap->mask_events) {
        shared_page_of(record)->events_masked = 1;
    }
    registers->rip = trap->handler_address;
    registers->rsp = address;
    registers->rflags = RFLAGS_FIXED;
    trap_sanitise(record);
    return true;
}

/* Into the kernel of the record that is loaded. */
static void trap_raise(struct virtual_processor *current, const struct trap *trap)
{
    bool was_user = current->user_mode != 0;

    if (was_user) {
        trap_mode_save(current);
    }
    if (trap_deliver(current, trap) && was_user) {
        trap_mode_load(current);
    }
}

static void trap_exception(struct virtual_processor *current, uint64_t vector, uint64_t error_code,
                           uint64_t fault_address)
{
    struct partition *partition = partition_of(current);
    const struct trap_handler *handler = &partition->trap_handlers[vector];
    const struct trap trap = {
        .vector = vector,
        .error_code = error_code,
        .fault_address = fault_address,
        .handler_address = handler->address,
        .mask_events = (handler->flags & TRAP_MASK_EVENTS) != 0,
    };
    struct stop_record *stop;

    partition->counters.traps[vector]++;
    if (handler->address != 0) {
        trap_raise(current, &trap);
        return;
    }
    stop = partition_stop(partition, STOP_unhandled_trap, current->processor);
    stop->vector = (uint32_t)vector;
    stop->error_code = error_code;
    stop->rip = current->registers.rip;
    stop->address = fault_address;
}

/* The addresses of a 32-bit guest wrap: what follows its last byte is at 0. */
static void trap_go_to(struct virtual_processor *current, uint64_t rip)
{
    current->registers.rip = record_is_32(current) ? (uint32_t)rip : rip;
}

/* The guest may not use the instruction before rip. */
static void trap_undo(struct virtual_processor *current, uint64_t size_bytes, uint64_t vector,
                      uint64_t error_code)
{
    trap_go_to(current, current->registers.rip - size_bytes);
    trap_exception(current, vector, error_code, 0);
}

static void trap_system_call(struct virtual_processor *current)
{
    const struct trap trap = {
        .vector = VECTOR_SYSTEM_CALL,
        .handler_address = current->callbacks[CALLBACK_system_call],
    };

    if (trap.handler_address == 0 && record_is_32(current)) {
        trap_undo(current, SOFTWARE_INTERRUPT_SIZE_BYTES, TRAP_GENERAL_PROTECTION,
                  SYSTEM_CALL_VECTOR * 8 + ERROR_CODE_GATE);
        return;
    }
    if (trap.handler_address == 0) {
        trap_undo(current, SYSCALL_SIZE_BYTES, TRAP_INVALID_OPCODE, 0);
        return;
    }
    partition_of(current)->counters.system_calls++;
    trap_raise(current, &trap);
}

static void trap_software_interrupt(struct virtual_processor *current, uint64_t vector)
{
    if (vector < TRAP_VECTOR_LIMIT) {
        const struct trap_handler *handler = &partition_of(current)->trap_handlers[vector];

        if (handler->address != 0 &&
            (current->user_mode == 0 || (handler->flags & TRAP_USER_ALLOWED) != 0)) {
            trap_exception(current, vector, 0, 0);
            return;
        }
    }
    trap_undo(current, SOFTWARE_INTERRUPT_SIZE_BYTES, TRAP_GENERAL_PROTECTION,
              vector * 8 + ERROR_CODE_GATE);
}

/* The vectors with a meaning of their own in 32 bits; true when this was one. */
static bool trap_is_call_32(struct virtual_processor *current, uint64_t vector)
{
    if (!record_is_32(current)) {
        return false;
    }
    if (vector == HYPERCALL_VECTOR && current->user_mode == 0) {
        hypercall_run_32(current);
        return true;
    }
    if (vector == SYSTEM_CALL_VECTOR && current->user_mode != 0) {
        trap_system_call(current);
        return true;
    }
    return false;
}

/* Without VT-x `vmcall` is undefined, so it arrives as #UD: from kernel mode it is a hypercall. */
static bool trap_is_vmcall(const struct virtual_processor *current)
{
    static const uint8_t vmcall[VMCALL_SIZE_BYTES] = {0x0f, 0x01, 0xc1};
    uint8_t code[VMCALL_SIZE_BYTES];

    return current->user_mode == 0 &&
           guest_memory_peek(current, current->registers.rip, code, sizeof(code)) == ERROR_none &&
           code[0] == vmcall[0] && code[1] == vmcall[1] && code[2] == vmcall[2];
}

/*
 * What the monitor has mapped in its slots, and the builds differ in that, is nobody's business:
 * a guest finds the same there everywhere, a page that forbids it.
 */
static void trap_page_fault(struct virtual_processor *current)
{
    uint64_t address = current->fault_address;
    uint64_t error_code = current->registers.error_code;

    if (!address_is_guest(address)) {
        error_code |= ERROR_CODE_PRESENT;
    }
    if (record_is_32(current)) {
        address = (uint32_t)address;
    }
    trap_exception(current, TRAP_PAGE_FAULT, error_code, address);
}

static void trap_guest(struct virtual_processor *current, uint64_t vector)
{
    bool vmcall = vector == TRAP_INVALID_OPCODE && trap_is_vmcall(current);

    if (vmcall) {
        trap_go_to(current, current->registers.rip + VMCALL_SIZE_BYTES);
    }
    if (vector == TRAP_PAGE_FAULT) {
        trap_page_fault(current);
    } else if (vector < TRAP_VECTOR_LIMIT && !vmcall) {
        trap_exception(current, vector, current->registers.error_code, 0);
    } else if (!address_is_canonical(current->registers.rip)) {
        /* The instruction was the last one below the hole: no processor can return there. */
        trap_exception(current, TRAP_GENERAL_PROTECTION, 0, 0);
    } else if (vmcall && record_is_32(current)) {
        hypercall_run_32(current);
    } else if (vmcall) {
        hypercall_run(current);
    } else if (vector == ENTRY_SYSCALL) {
        MONITOR_ASSERT(!record_is_32(current));
        trap_system_call(current);
    } else {
        MONITOR_ASSERT(vector >= ENTRY_SOFTWARE_INTERRUPT &&
                       vector < ENTRY_SOFTWARE_INTERRUPT + 256);
        vector -= ENTRY_SOFTWARE_INTERRUPT;
        if (!trap_is_call_32(current, vector)) {
            trap_software_interrupt(current, vector);
        }
    }
}

/* The machine's: what the partition does there no processor of this kind can do. */
static void trap_take_failure(uint32_t processor)
{
    struct monitor *monitor = monitor_state();
    struct partition *partition;

    MONITOR_ASSERT(monitor->failed_partition < PARTITION_LIMIT);
    partition = &monitor->partitions[monitor->failed_partition];
    monitor->failed_partition = 0;
    /* Number 0 is nobody's, and never runs. */
    if (partition_is_living(partition)) {
        partition_stop(partition, STOP_unsupported, processor)->rip = monitor->failed_rip;
    }
}

/* The operator's: the host has left it in the monitor's state before the kick. */
static void trap_take_order(uint32_t processor)
{
    struct monitor *monitor = monitor_state();
    uint32_t partition = monitor->stop_request;

    monitor->stop_request = 0;
    if (partition < PARTITION_LIMIT && partition_is_living(&monitor->partitions[partition])) {
        (void)partition_stop(&monitor->partitions[partition], STOP_operator, processor);
    }
}

void trap_handle(struct virtual_processor *current)
{
    uint64_t vector = current->registers.vector;
    bool scheduling = vector == ENTRY_TIMER || vector == ENTRY_KICK;

    MONITOR_ASSERT(scheduling || !record_is_idle(current));
    /* What it did when it was stopped meanwhile is nobody's any more. */
    if (!record_is_idle(current) && current->state == VIRTUAL_PROCESSOR_RUNNABLE) {
        if (record_is_32(current)) {
            /* Its kernel goes to user mode by `iret`, without asking. */
            current->user_mode = (current->registers.cs & 3) == 3;
        }
        trap_sanitise(current);
        if (!scheduling || !address_is_canonical(current->registers.rip)) {
            trap_guest(current, vector);
        }
    }
    if (vector == ENTRY_KICK) {
        trap_take_failure(current->processor);
        trap_take_order(current->processor);
    }
    if (scheduling) {
        processor_depart(processor_of(current));
        generation_go_on(processor_of(current));
        schedule_run(processor_of(current), vector == ENTRY_KICK);
    }
}
