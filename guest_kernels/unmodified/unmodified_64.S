/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel as it would be written for a processor of its own: it masks interrupts, saves the
 * flags, points to its tables and waits. None of that works deprivileged, and half of it does
 * not even fault. docs/checking.md shows what `ultravisor check` says of it.
 */
    .text
    .globl guest_entry
    .type guest_entry, @function
guest_entry:
    cli
    call save
    sti
wait:
    hlt
    jmp wait
    .size guest_entry, . - guest_entry

    .type save, @function
save:
    pushf
    pop %rax
    sidt tables(%rip)
    mov %cr3, %rdx
    ret
    .size save, . - save

    .bss
tables:
    .skip 16

    .section .note.ultravisor, "a", @note
    .balign 4
    .long 11, 24, 1     /* Sizes of owner and descriptor, type of the note. */
    .asciz "Ultravisor"
    .balign 4
    .long 1, 64         /* Version of the contract, width. */
    .quad 0, 1 << 20    /* Entry (0: that of the file), memory in bytes. */

    .section .note.GNU-stack, "", @progbits
