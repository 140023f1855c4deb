/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last steps of 32-bit guests before a path: the round is counted, and a delay. Not on the
 * page of the paths, which paths_32.S begins.
 */
#include "paths.h"

    .text
    /* Whatever a path needs waits in registers: the stack may be cold when it begins. */
    .globl path_go
    .type path_go, @function
path_go:
    push %ebx
    push %esi
    push %edi
    push %ebp
    mov 20(%esp), %edi
    mov 24(%esp), %ebp
    mov 28(%esp), %ebx
    mov 32(%esp), %ecx
    mov path_control, %eax
    incl (%eax)
    jmp path_delay

    .globl path_delay, path_delay_end
    .type path_delay, @function
path_delay:
    mov $DELAY_ROUNDS, %esi
1:  xor %edx, %edx
    div %ebp
    dec %esi
    jnz 1b
    mov %ebp, %eax
    jmp *%edi
path_delay_end:

    .section .note.GNU-stack, "", @progbits
