/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user program of the system call's path, for 64-bit guests: rounds as in paths.h. It is
 * copied page by page to USER_TEXT_ADDRESS, so that only relative jumps may be in it.
 */
#include "paths.h"

    .section .rodata
    .balign 4096
    .globl user_program, user_program_end
user_program:
user_round:
    call user_work
    call user_work
    incq USER_CONTROL_ADDRESS
    jmp user_delay
user_worked:
    call user_work
    jmp user_round

    .globl user_work, user_work_end
user_work:
    mov $USER_DATA_ADDRESS, %edi
    mov USER_CONTROL_ADDRESS + CONTROL_PAGES_OFFSET, %rsi
1:  mov (%rdi), %rax
    add $WORK_STEP_BYTES, %rdi
    dec %rsi
    jnz 1b
    ret
user_work_end:

    .balign 4096
    .globl user_delay, user_delay_end
user_delay:
    mov $DELAY_ROUNDS, %ecx
    mov $USER_DATA_ADDRESS, %r8d
1:  xor %edx, %edx
    div %r8
    dec %ecx
    jnz 1b
    jmp user_call
user_delay_end:

    .balign 4096
    .globl user_call_begin, user_call_end
user_call:
user_call_begin:
    syscall
user_call_end:
    jmp user_worked

    .balign 4096
user_program_end:

    .section .note.GNU-stack, "", @progbits
