/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving 64-bit kernel code as the state of a trap, so that the call `iret` can go on with it.
 * The offsets are struct trap_state's.
 */
#include "abi.h"

#define FRAME 96
#define RFLAGS_START 0x202

    .text
    .globl context_save
    .type context_save, @function
context_save:
    mov %r15, 0(%rdi)
    mov %r14, 8(%rdi)
    mov %r13, 16(%rdi)
    mov %r12, 24(%rdi)
    mov %rbp, 32(%rdi)
    mov %rbx, 40(%rdi)
    movq $1, FRAME(%rdi)
    mov (%rsp), %rax
    mov %rax, FRAME + 56(%rdi)
    movq $SELECTOR_GUEST_CODE_64, FRAME + 64(%rdi)
    movq $RFLAGS_START, FRAME + 72(%rdi)
    lea 8(%rsp), %rax
    mov %rax, FRAME + 80(%rdi)
    movq $SELECTOR_GUEST_DATA, FRAME + 88(%rdi)
    xor %eax, %eax
    ret
    .size context_save, . - context_save

    .section .note.GNU-stack, "", @progbits
