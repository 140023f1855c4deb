/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uint32_t patched(void): returns the number in its own code, at patched_number.
 */
    .text
    .balign 16
    .globl patched, patched_number
    .type patched, @function
patched:
    .byte 0xb8 /* mov $number, %eax */
patched_number:
    .long 17
    ret
    .size patched, . - patched

    .section .note.GNU-stack, "", @progbits
