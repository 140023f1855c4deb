/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uint64_t registers_hold(uint64_t seed, uint64_t spins): puts a number into each SSE
 * and x87 register, spins without touching them while others run, and returns the
 * sum of what is found afterwards: 16 * seed + 120 from SSE and the same eight times
 * seed + 28 from x87. The seed is below 2^32, so that all sums are exact.
 */
    .text
    .globl registers_hold
    .type registers_hold, @function
registers_hold:
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    lea \number(%rdi), %rax
    movq %rax, %xmm\number
    .endr
    sub $8, %rsp
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    lea \number(%rdi), %rax
    mov %rax, (%rsp)
    fildll (%rsp)
    .endr
1:  dec %rsi
    jnz 1b
    .irp number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    paddq %xmm\number, %xmm0
    .endr
    movq %xmm0, %rax
    .rept 7
    faddp
    .endr
    fistpll (%rsp)
    add (%rsp), %rax
    add $8, %rsp
    ret
    .size registers_hold, . - registers_hold

    .section .note.GNU-stack, "", @progbits
