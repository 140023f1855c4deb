/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one entry of all traps, events and system calls of 64-bit guests. The stack
 * pointer is the monitor's struct trap_frame, which says what happened. The handler
 * in C returns the state to resume: the same one, or another process's. `iret` is
 * made here and not through the hypercall page, because a call would move the stack
 * pointer away from the frame.
 */
#include "abi.h"

    .text
    .globl trap_entry
    .type trap_entry, @function
trap_entry:
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    and $-16, %rsp
    call trap_dispatch
    mov %rax, %rdi

    /* _Noreturn void trap_resume(const struct trap_state *state) */
    .globl trap_resume
    .type trap_resume, @function
trap_resume:
    mov %rdi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    mov $HC_iret, %eax
    syscall
    ud2
    .size trap_entry, . - trap_entry

    .section .note.GNU-stack, "", @progbits
