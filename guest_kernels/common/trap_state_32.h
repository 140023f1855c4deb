/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All general registers and data selectors of interrupted 32-bit code, as trap_32.S pushes
 * them below the frame of the monitor, and what kernels do with single ones. The order is
 * known to trap_32.S.
 */
#ifndef TRAP_STATE_32_H
#define TRAP_STATE_32_H

#include "segment_32.h"

#define EFLAGS_START 0x202 /* the interrupt flag and the bit that is always set */

struct trap_state {
    uint32_t gs, fs, es, ds;
    uint32_t ebx, ebp, edi, esi;
    struct trap_frame_32 frame; /* eax, ecx, edx and what the monitor adds */
};

_Static_assert(sizeof(struct trap_frame_32) == 48, "trap_32.S resumes with the stack at the frame");
_Static_assert(sizeof(struct trap_state) == 80, "trap_32.S pushes eight registers");

/* Makes a state of zeros the beginning of a user program; its argument is in EBX. */
static inline void trap_state_begin_user(struct trap_state *state, uint64_t entry,
                                         uint64_t stack_top, uint32_t argument)
{
    state->gs = SELECTOR_THREAD;
    state->es = SELECTOR_GUEST_DATA;
    state->ds = SELECTOR_GUEST_DATA;
    state->ebx = argument;
    state->frame.state = FRAME_STATE_USER;
    state->frame.eip = (uint32_t)entry;
    state->frame.cs = SELECTOR_USER_CODE_32;
    state->frame.eflags = EFLAGS_START;
    state->frame.esp = (uint32_t)stack_top;
    state->frame.ss = SELECTOR_GUEST_DATA;
}

static inline uint64_t trap_address(const struct trap_state *state)
{
    return state->frame.eip;
}

/* The registers of a system call, as user_32.h fills them. */
static inline uint64_t system_call_number(const struct trap_state *state)
{
    return state->frame.eax;
}

static inline uint64_t system_call_first(const struct trap_state *state)
{
    return state->ebx;
}

static inline uint64_t system_call_second(const struct trap_state *state)
{
    return state->frame.ecx;
}

static inline void system_call_answer(struct trap_state *state, int64_t result)
{
    state->frame.eax = (uint32_t)result;
}

#endif
