/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of frame.h cannot be said in C, for 64-bit kernels.
 */
#include "abi.h"

    .text
    .globl frame_return
    .type frame_return, @function
frame_return:
    mov %rdi, %rsp
    mov $HC_iret, %eax
    syscall
    ud2
    .size frame_return, . - frame_return

    .globl stack_trap
    .type stack_trap, @function
stack_trap:
    mov %rdi, %rsp
    ud2
    .size stack_trap, . - stack_trap

    .globl stack_spin
    .type stack_spin, @function
stack_spin:
    mov %rdi, %rsp
1:  jmp 1b
    .size stack_spin, . - stack_spin

    .globl flags_exchange
    .type flags_exchange, @function
flags_exchange:
    push %rdi
    popfq
    pushfq
    pop %rax
    ret
    .size flags_exchange, . - flags_exchange

    .globl step_over_call
    .globl step_over_call_end
    .type step_over_call, @function
step_over_call:
    mov %edi, %eax
    pushfq
    orl $0x100, (%rsp)
    popfq
    syscall
step_over_call_end:
    ret
    .size step_over_call, . - step_over_call

    .globl frame_landing
    .type frame_landing, @function
frame_landing:
    mov %cs, %eax
    ud2
    .size frame_landing, . - frame_landing

    .section .note.GNU-stack, "", @progbits
