/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All general registers of interrupted 64-bit code, as trap_64.S pushes them below
 * the frame of the monitor, and what kernels do with single ones. The order is known to
 * trap_64.S.
 */
#ifndef TRAP_STATE_64_H
#define TRAP_STATE_64_H

#include "abi.h"

#define RFLAGS_START 0x202 /* the interrupt flag and the bit that is always set */

struct trap_state {
    uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdi, rsi, rdx;
    struct trap_frame frame; /* rax, rcx, r11 and what the monitor adds */
};

_Static_assert(sizeof(struct trap_frame) == 96, "trap_64.S resumes with the stack at the frame");
_Static_assert(sizeof(struct trap_state) == 192, "trap_64.S pushes twelve registers");

/* Makes a state of zeros the beginning of a user program; its argument is in RDI. */
static inline void trap_state_begin_user(struct trap_state *state, uint64_t entry,
                                         uint64_t stack_top, uint32_t argument)
{
    state->rdi = argument;
    state->frame.state = FRAME_STATE_USER;
    state->frame.rip = entry;
    state->frame.cs = SELECTOR_GUEST_CODE_64;
    state->frame.rflags = RFLAGS_START;
    state->frame.rsp = stack_top;
    state->frame.ss = SELECTOR_GUEST_DATA;
}

static inline uint64_t trap_address(const struct trap_state *state)
{
    return state->frame.rip;
}

/* The registers of a system call, as user_64.h fills them. */
static inline uint64_t system_call_number(const struct trap_state *state)
{
    return state->frame.rax;
}

static inline uint64_t system_call_first(const struct trap_state *state)
{
    return state->rdi;
}

static inline uint64_t system_call_second(const struct trap_state *state)
{
    return state->rsi;
}

static inline void system_call_answer(struct trap_state *state, int64_t result)
{
    state->frame.rax = (uint64_t)result;
}

#endif
