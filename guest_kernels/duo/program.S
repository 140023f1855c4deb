/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user program, as the linker left it in memory order, among the kernel's
 * constants. Processes get copies of its pages, never these.
 */
    .section .rodata
    .balign 4096
    .globl program_image
program_image:
    .incbin "duo_program.bin"

    .section .note.GNU-stack, "", @progbits
