/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way into a function that may end in a trap, and out of it. The frame is copied
 * without a stack, because a scenario may have left one that holds no more than the
 * frame; what the function did to registers does not matter, so none is kept.
 */
#include "abi.h"

#define FRAME_WORD_COUNT 12

    .text
    .globl scenario_run
    .type scenario_run, @function
scenario_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push scenario_stack(%rip)
    mov %rsp, scenario_stack(%rip)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    xor %eax, %eax

scenario_leave:
    mov scenario_stack(%rip), %rsp
    pop scenario_stack(%rip)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    cld
    ret
    .size scenario_run, . - scenario_run

    .globl scenario_entry
    .type scenario_entry, @function
scenario_entry:
    mov %rsp, %rsi
    mov $scenario_frame, %rdi
    mov $FRAME_WORD_COUNT, %ecx
    cld
    rep movsq
    mov $1, %eax
    jmp scenario_leave
    .size scenario_entry, . - scenario_entry

    /* Both run in user mode. */
    .globl scenario_user_return
    .type scenario_user_return, @function
scenario_user_return:
    xor %edi, %edi

    .globl scenario_user_leave
    .type scenario_user_leave, @function
scenario_user_leave:
    mov %rdi, %rax
    syscall
    ud2
    .size scenario_user_return, . - scenario_user_return

    .section .note.GNU-stack, "", @progbits
