/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where 32-bit guests begin. The stack pointer is 16-byte aligned and EBX holds the
 * argument: the start page, or struct processor for a further virtual processor. A zero in
 * EBP ends the chain of frames for debuggers.
 */
    .text
    .globl guest_entry
    .type guest_entry, @function
guest_entry:
    xor %ebp, %ebp
    sub $12, %esp
    push %ebx
    call guest_start
    ud2
    .size guest_entry, . - guest_entry

    .globl processor_entry
    .type processor_entry, @function
processor_entry:
    xor %ebp, %ebp
    sub $12, %esp
    push %ebx
    call processor_begin
    ud2
    .size processor_entry, . - processor_entry

    .section .note.GNU-stack, "", @progbits
