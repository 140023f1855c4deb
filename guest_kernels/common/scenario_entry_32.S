/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way into a function that may end in a trap, and out of it. The frame is copied
 * without a stack, because a scenario may have left one that holds no more than the
 * frame; what the function did to registers does not matter, so none is kept. Data
 * segments are the interrupted code's, and are loaded anew.
 */
#include "segment_32.h"

#define FRAME_WORD_COUNT 12
/* Above the stack pointer of scenario_run, when it has pushed what it keeps. */
#define FUNCTION_OFFSET 24
#define ARGUMENT_OFFSET 28

    .text
    .globl scenario_run
    .type scenario_run, @function
scenario_run:
    push %ebx
    push %ebp
    push %esi
    push %edi
    push scenario_stack
    mov %esp, scenario_stack
    mov FUNCTION_OFFSET(%esp), %eax
    mov ARGUMENT_OFFSET(%esp), %ecx
    sub $4, %esp
    push %ecx
    call *%eax
    xor %eax, %eax

scenario_leave:
    mov scenario_stack, %esp
    pop scenario_stack
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    cld
    ret
    .size scenario_run, . - scenario_run

    .globl scenario_entry
    .type scenario_entry, @function
scenario_entry:
    mov $SELECTOR_KERNEL_DATA_32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov $SELECTOR_PROCESSOR, %eax
    mov %eax, %fs
    xor %eax, %eax
    mov %eax, %gs
    mov %esp, %esi
    mov $scenario_frame, %edi
    mov $FRAME_WORD_COUNT, %ecx
    cld
    rep movsl
    mov $1, %eax
    jmp scenario_leave
    .size scenario_entry, . - scenario_entry

    /* Both run in user mode; the first is where its functions return to. */
    .globl scenario_user_return
    .type scenario_user_return, @function
scenario_user_return:
    xor %eax, %eax
    int $SYSTEM_CALL_VECTOR
    ud2
    .size scenario_user_return, . - scenario_user_return

    .globl scenario_user_leave
    .type scenario_user_leave, @function
scenario_user_leave:
    mov 4(%esp), %eax
    int $SYSTEM_CALL_VECTOR
    ud2
    .size scenario_user_leave, . - scenario_user_leave

    .section .note.GNU-stack, "", @progbits
