/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nineteen sensitive instructions in 32-bit code, as a kernel with a processor of its own
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
    mov 4(%esp), %eax
    sgdt (%eax)
    ret
end sgdt

begin sidt
    mov 4(%esp), %eax
    sidt (%eax)
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
    pop %eax
    ret
end pushf

begin popf
    pushl 4(%esp)
    popf
    ret
end popf

begin iret
    pushl 4(%esp)
    push $SELECTOR_KERNEL_CODE_32
    push $1f
    iret
1:
    ret
end iret

begin lar
    mov $-1, %eax
    mov 4(%esp), %edx
    lar %edx, %eax
    ret
end lar

begin lsl
    mov 4(%esp), %edx
    lsl %edx, %eax
    jz 1f
    mov $-1, %eax
1:
    ret
end lsl

begin verr
    xor %eax, %eax
    mov 4(%esp), %edx
    verr %dx
    setz %al
    ret
end verr

begin verw
    xor %eax, %eax
    mov 4(%esp), %edx
    verw %dx
    setz %al
    ret
end verw

begin pop
    pushl 4(%esp)
    pop %ss
    ret
end pop

begin push
    push %cs
    pop %eax
    movzwl %ax, %eax
    ret
end push

begin mov
    mov %cs, %eax
    ret
end mov

begin call_far
    mov 4(%esp), %eax
    lcall *(%eax)
    ret
end call_far

begin jmp_far
    mov 4(%esp), %eax
    ljmp *(%eax)
end jmp_far

begin ret_far
    pushl 4(%esp)
    push $1f
    lret
1:
    ret
end ret_far

begin int
    int $0x81
    ret
end int

    .section .note.GNU-stack, "", @progbits
