/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uint64_t registers_hold(uint64_t seed, uint64_t spins): puts two numbers into each SSE
 * register and one into each x87 register, spins without touching them while others run,
 * and returns the sum of what is found afterwards: 16 * seed + 120 from SSE and eight times
 * seed + 28 from x87. Seed and spins are below 2^32; all sums are exact.
 */
    .text
    .globl registers_hold
    .type registers_hold, @function
registers_hold:
    push %ebp
    mov %esp, %ebp
    sub $24, %esp
    and $-16, %esp
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    mov 8(%ebp), %eax
    xor %edx, %edx
    add $\number, %eax
    adc $0, %edx
    mov %eax, (%esp)
    mov %edx, 4(%esp)
    fildll (%esp)
    add $8, %eax
    adc $0, %edx
    mov %eax, 8(%esp)
    mov %edx, 12(%esp)
    movdqa (%esp), %xmm\number
    .endr
    mov 16(%ebp), %ecx
1:  dec %ecx
    jnz 1b
    .irp number, 1, 2, 3, 4, 5, 6, 7
    paddq %xmm\number, %xmm0
    .endr
    movhlps %xmm0, %xmm1
    paddq %xmm1, %xmm0
    .rept 7
    faddp
    .endr
    fistpll (%esp)
    movq (%esp), %xmm1
    paddq %xmm1, %xmm0
    movq %xmm0, (%esp)
    mov (%esp), %eax
    mov 4(%esp), %edx
    leave
    ret
    .size registers_hold, . - registers_hold

    .section .note.GNU-stack, "", @progbits
