/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame that a handler finds at its stack pointer and that `iret` consumes: one
 * layout a width. Called by trap.c and trap_return.c, which know one trap frame only.
 */
#include "trap_frame.h"

#include "guest_memory.h"

#define STACK_ALIGNMENT_BYTES 16

static uint64_t trap_state(const struct virtual_processor *record)
{
    uint64_t state = record->user_mode != 0 ? FRAME_STATE_USER : 0;

    if (shared_page_of(record)->events_masked != 0) {
        state |= FRAME_STATE_EVENTS_MASKED;
    }
    return state;
}

static uint64_t frame_address(const struct virtual_processor *record, uint64_t size_bytes)
{
    uint64_t stack = record->user_mode != 0 ? record->kernel_stack_top : record->registers.rsp;

    return stack / STACK_ALIGNMENT_BYTES * STACK_ALIGNMENT_BYTES - size_bytes;
}

static bool frame_write_64(const struct virtual_processor *record, const struct trap *trap,
                           uint64_t *address)
{
    const struct registers *registers = &record->registers;
    const struct trap_frame frame = {
        .rax = registers->rax,
        .rcx = registers->rcx,
        .r11 = registers->r11,
        .vector = trap->vector,
        .error_code = trap->error_code,
        .fault_address = trap->fault_address,
        .state = trap_state(record),
        .rip = registers->rip,
        .cs = registers->cs,
        .rflags = registers->rflags,
        .rsp = registers->rsp,
        .ss = registers->ss,
    };

    *address = frame_address(record, sizeof(frame));
    return guest_memory_write(record, *address, &frame, sizeof(frame)) == ERROR_none;
}

static bool frame_write_32(const struct virtual_processor *record, const struct trap *trap,
                           uint64_t *address)
{
    const struct registers *registers = &record->registers;
    const struct trap_frame_32 frame = {
        .eax = (uint32_t)registers->rax,
        .ecx = (uint32_t)registers->rcx,
        .edx = (uint32_t)registers->rdx,
        .vector = (uint32_t)trap->vector,
        .error_code = (uint32_t)trap->error_code,
        .fault_address = (uint32_t)trap->fault_address,
        .state = (uint32_t)trap_state(record),
        .eip = (uint32_t)registers->rip,
        .cs = (uint32_t)registers->cs,
        .eflags = (uint32_t)registers->rflags,
        .esp = (uint32_t)registers->rsp,
        .ss = (uint32_t)registers->ss,
    };

    *address = (uint32_t)frame_address(record, sizeof(frame));
    return guest_memory_write(record, *address, &frame, sizeof(frame)) == ERROR_none;
}

bool trap_frame_write(struct virtual_processor *record, const struct trap *trap, uint64_t *address)
{
    return record_is_32(record) ? frame_write_32(record, trap, address)
                                : frame_write_64(record, trap, address);
}

static bool frame_read_32(const struct virtual_processor *record, struct trap_frame *frame,
                          uint64_t *rdx)
{
    struct trap_frame_32 narrow;

    if (guest_memory_read(record, record->registers.rsp, &narrow, sizeof(narrow)) != ERROR_none) {
        return false;
    }
    *frame = (struct trap_frame){
        .rax = narrow.eax,
        .rcx = narrow.ecx,
        .r11 = record->registers.r11,
        .state = narrow.state,
        .rip = narrow.eip,
        .rflags = narrow.eflags,
        .rsp = narrow.esp,
    };
    *rdx = narrow.edx;
    return true;
}

bool trap_frame_read(const struct virtual_processor *record, struct trap_frame *frame,
                     uint64_t *rdx)
{
    if (record_is_32(record)) {
        return frame_read_32(record, frame, rdx);
    }
    *rdx = record->registers.rdx;
    return guest_memory_read(record, record->registers.rsp, frame, sizeof(*frame)) == ERROR_none;
}
