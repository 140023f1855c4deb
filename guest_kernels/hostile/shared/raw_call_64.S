/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call of the monitor with any number, past the hypercall page. Arguments as of a C function:
 * the number, then three of the call's.
 */
    .text
    .globl raw_call
    .type raw_call, @function
raw_call:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    syscall
    ret
    .size raw_call, . - raw_call

    .section .note.GNU-stack, "", @progbits
