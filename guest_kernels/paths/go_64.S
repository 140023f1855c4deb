/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last steps of 64-bit guests before a path: the round is counted, and a delay. Not on the
 * page of the paths, which paths_64.S begins.
 */
#include "paths.h"

    .text
    /* Whatever a path needs waits in registers: the stack may be cold when it begins. */
    .globl path_go
    .type path_go, @function
path_go:
    mov %rdi, %r9
    mov %rsi, %r8
    mov %rdx, %rdi
    mov %rcx, %rsi
    mov path_control, %rcx
    incq (%rcx)
    jmp path_delay

    .globl path_delay, path_delay_end
    .type path_delay, @function
path_delay:
    mov $DELAY_ROUNDS, %ecx
1:  xor %edx, %edx
    div %r8
    dec %ecx
    jnz 1b
    mov %r8, %rax
    jmp *%r9
path_delay_end:

    .section .note.GNU-stack, "", @progbits
