/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `int n` for every n, four bytes each; the same bytes in both widths.
 */
    .text
    .balign 4
    .globl interrupt_stubs
interrupt_stubs:
    .set number, 0
    .rept 256
    .byte 0xcd, number, 0xc3, 0x90
    .set number, number + 1
    .endr

    .section .note.GNU-stack, "", @progbits
