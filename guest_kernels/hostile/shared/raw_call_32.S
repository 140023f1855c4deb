/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call of the monitor with any number, past the hypercall page. Arguments as of a C function:
 * the number, of which the monitor sees the low half, then three of the call's.
 */
#include "abi.h"

    .text
    .globl raw_call
    .type raw_call, @function
raw_call:
    push %ebx
    mov 8(%esp), %eax
    mov 16(%esp), %ebx
    mov 20(%esp), %ecx
    mov 24(%esp), %edx
    int $HYPERCALL_VECTOR
    pop %ebx
    ret
    .size raw_call, . - raw_call

    .section .note.GNU-stack, "", @progbits
