/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the 32-bit user program begins, on an empty stack, with its role in EBX.
 */
    .text
    .globl program_entry
    .type program_entry, @function
program_entry:
    xor %ebp, %ebp
    sub $12, %esp
    push %ebx
    call program_main
    ud2
    .size program_entry, . - program_entry

    .section .note.GNU-stack, "", @progbits
