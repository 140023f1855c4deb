/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of frame.h cannot be said in C, for 32-bit kernels.
 */
#include "abi.h"

    .text
    .globl frame_return
    .type frame_return, @function
frame_return:
    mov 4(%esp), %esp
    mov $HC_iret, %eax
    int $HYPERCALL_VECTOR
    ud2
    .size frame_return, . - frame_return

    .globl stack_trap
    .type stack_trap, @function
stack_trap:
    mov 4(%esp), %esp
    ud2
    .size stack_trap, . - stack_trap

    .globl stack_spin
    .type stack_spin, @function
stack_spin:
    mov 4(%esp), %esp
1:  jmp 1b
    .size stack_spin, . - stack_spin

    .globl flags_exchange
    .type flags_exchange, @function
flags_exchange:
    pushl 4(%esp)
    popfl
    pushfl
    pop %eax
    ret
    .size flags_exchange, . - flags_exchange

    /* `int` clears the trap flag until it returns: the step ends behind the next instruction. */
    .globl step_over_call
    .globl step_over_call_end
    .type step_over_call, @function
step_over_call:
    mov 4(%esp), %eax
    pushfl
    orl $0x100, (%esp)
    popfl
    int $HYPERCALL_VECTOR
    nop
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
