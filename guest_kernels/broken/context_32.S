/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving 32-bit kernel code as the state of a trap, so that the call `iret` can go on with it.
 * Data segments are the kernel's; GS is nobody's. The offsets are struct trap_state's.
 */
#include "segment_32.h"

#define FRAME 32
#define EFLAGS_START 0x202

    .text
    .globl context_save
    .type context_save, @function
context_save:
    mov 4(%esp), %eax
    movl $0, 0(%eax)
    movl $SELECTOR_PROCESSOR, 4(%eax)
    movl $SELECTOR_KERNEL_DATA_32, 8(%eax)
    movl $SELECTOR_KERNEL_DATA_32, 12(%eax)
    mov %ebx, 16(%eax)
    mov %ebp, 20(%eax)
    mov %edi, 24(%eax)
    mov %esi, 28(%eax)
    movl $1, FRAME(%eax)
    mov (%esp), %edx
    mov %edx, FRAME + 28(%eax)
    movl $SELECTOR_KERNEL_CODE_32, FRAME + 32(%eax)
    movl $EFLAGS_START, FRAME + 36(%eax)
    lea 4(%esp), %edx
    mov %edx, FRAME + 40(%eax)
    movl $SELECTOR_KERNEL_DATA_32, FRAME + 44(%eax)
    xor %eax, %eax
    ret
    .size context_save, . - context_save

    .section .note.GNU-stack, "", @progbits
