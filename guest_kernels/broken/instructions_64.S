/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nineteen sensitive instructions in 64-bit code, as a kernel with a processor of its own
 * would use them. Arguments and results are those of C; see instructions.h.
 */
#include "abi.h"

    .macro begin name
    .globl broken_\name
    .type broken_\name, @function
broken_\name:
    .endm

    .macro end name
    .size broken_\name, . - broken_\name
    .endm

    .text
begin sgdt
    sgdt (%rdi)
    ret
end sgdt

begin sidt
    sidt (%rdi)
    ret
end sidt

begin sldt
    xor %eax, %eax
    sldt %eax
    ret
end sldt

begin str
    xor %eax, %eax
    str %eax
    ret
end str

begin smsw
    xor %eax, %eax
    smsw %ax
    ret
end smsw

begin pushf
    pushf
    pop %rax
    ret
end pushf

begin popf
    push %rdi
    popf
    ret
end popf

begin iret
    mov %rsp, %rax
    lea 1f(%rip), %rcx
    push $SELECTOR_GUEST_DATA
    push %rax
    push %rdi
    push $SELECTOR_GUEST_CODE_64
    push %rcx
    iretq
1:
    ret
end iret

begin lar
    mov $-1, %eax
    lar %edi, %eax
    ret
end lar

begin lsl
    lsl %edi, %eax
    jz 1f
    mov $-1, %eax
1:
    ret
end lsl

begin verr
    xor %eax, %eax
    verr %di
    setz %al
    ret
end verr

begin verw
    xor %eax, %eax
    verw %di
    setz %al
    ret
end verw

begin pop
    push %rdi
    pop %fs
    ret
end pop

begin push
    push %fs
    pop %rax
    ret
end push

begin mov
    mov %cs, %eax
    ret
end mov

begin call_far
    lcall *(%rdi)
    ret
end call_far

begin jmp_far
    ljmp *(%rdi)
end jmp_far

begin ret_far
    lea 1f(%rip), %rax
    push %rdi
    push %rax
    lretq
1:
    ret
end ret_far

begin int
    int $0x81
    ret
end int

    .section .note.GNU-stack, "", @progbits
