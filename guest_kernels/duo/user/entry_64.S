/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the 64-bit user program begins, on an empty stack, with its role in EDI.
 */
    .text
    .globl program_entry
    .type program_entry, @function
program_entry:
    xor %ebp, %ebp
    call program_main
    ud2
    .size program_entry, . - program_entry

    .section .note.GNU-stack, "", @progbits
