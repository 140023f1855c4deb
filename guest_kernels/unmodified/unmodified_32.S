/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 32-bit kernel as it would be written for a processor of its own: what unmodified_64.S does,
 * and it looks into CS for its ring, which is 0 there and 1 here.
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
    pop %eax
    mov %cs, %ecx
    sidt tables
    mov %cr3, %edx
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
    .long 1, 32         /* Version of the contract, width. */
    .quad 0, 1 << 20    /* Entry (0: that of the file), memory in bytes. */

    .section .note.GNU-stack, "", @progbits
