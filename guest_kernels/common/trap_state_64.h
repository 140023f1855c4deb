/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All general registers of interrupted 64-bit code, as trap_64.S pushes them below
 * the frame of the monitor. The order is known to trap_64.S.
 */
#ifndef TRAP_STATE_64_H
#define TRAP_STATE_64_H

#include "abi.h"

struct trap_state {
    uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdi, rsi, rdx;
    struct trap_frame frame; /* rax, rcx, r11 and what the monitor adds */
};

_Static_assert(sizeof(struct trap_frame) == 96, "trap_64.S resumes with the stack at the frame");
_Static_assert(sizeof(struct trap_state) == 192, "trap_64.S pushes twelve registers");

#endif
