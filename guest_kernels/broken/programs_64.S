/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs of user mode in 64-bit code; see programs.h. */
#include "abi.h"
#include "programs.h"

    .text
    .globl programs_begin
programs_begin:

    .globl program_undefined
    .type program_undefined, @function
program_undefined:
    ud2
    .size program_undefined, . - program_undefined

    .globl program_system_call
    .type program_system_call, @function
program_system_call:
    mov $PROGRAM_NUMBER, %eax
    syscall
    ud2
    .size program_system_call, . - program_system_call

    .globl programs_end
programs_end:

    .section .note.GNU-stack, "", @progbits
