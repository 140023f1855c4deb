/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The paths of 64-bit guests: what lies between NAME_begin and NAME_end is measured.
 * Handlers do as little as one can: what is the guest's own choice is no part of a path.
 */
#include "abi.h"
#include "paths.h"

    .text
    .balign 4096
    .globl path_work, path_work_end
    .type path_work, @function
path_work:
1:  mov (%rdi), %rax
    add $WORK_STEP_BYTES, %rdi
    dec %rsi
    jnz 1b
    ret
path_work_end:
    int3 /* no two symbols at one address */

    .globl path_call, path_call_begin, path_call_end
    .type path_call, @function
path_call:
path_call_begin:
    call *%rax
path_call_end:
    ret

    .globl path_fault, path_fault_begin, path_fault_end
    .type path_fault, @function
path_fault:
path_fault_begin:
    mov %al, 16
path_fault_end:
    xor %eax, %eax
    ret

    .globl path_none
    .type path_none, @function
path_none:
    xor %eax, %eax
    ret

    .globl path_fault_entry
    .type path_fault_entry, @function
path_fault_entry:
    movq $path_fault_end, 56(%rsp)
    mov $HC_iret, %eax
    syscall

    .globl path_system_call_entry
    .type path_system_call_entry, @function
path_system_call_entry:
    mov $HC_iret, %eax
    syscall

.macro take_pending
    mov path_pending, %rax
    xor %ecx, %ecx
    xchg %rcx, (%rax)
.endm

    .globl path_client_entry
    .type path_client_entry, @function
path_client_entry:
    take_pending
    mov $HC_iret, %eax
    syscall

    .globl path_server_entry
    .type path_server_entry, @function
path_server_entry:
    take_pending
    push %rdi
    mov $PORT_LINK_FIRST, %edi
    mov $HC_event_send, %eax
    syscall
    pop %rdi
    mov $HC_iret, %eax
    syscall

    .globl path_partner, path_partner_end
    .type path_partner, @function
path_partner:
    mov %rdi, %rbx
    mov %rsi, %r12
    mov %rdx, %r13
1:  mov %rbx, %rax
    call *%rax
path_partner_end:
    mov %r12, %rdi
    mov %r13, %rsi
    call path_work
    jmp 1b

    .balign VMCALL_STUB_SIZE_BYTES
    .globl path_vmcall_stubs
    .type path_vmcall_stubs, @function
path_vmcall_stubs:
    .set number, 0
    .altmacro
.macro vmcall_stub value
    .balign VMCALL_STUB_SIZE_BYTES
    mov $\value, %eax
    vmcall
    ret
.endm
    .rept HC_event_send + 1 /* the last that a path begins with */
    vmcall_stub %number
    .set number, number + 1
    .endr

    .globl path_floating
    .type path_floating, @function
path_floating:
    addps %xmm0, %xmm0
    ret

    .globl path_partner_floating, path_partner_floating_end
    .type path_partner_floating, @function
path_partner_floating:
    mov %rdi, %rbx
    mov %rsi, %r12
    mov %rdx, %r13
1:  mov %rbx, %rax
    call *%rax
    addps %xmm0, %xmm0
path_partner_floating_end:
    mov %r12, %rdi
    mov %r13, %rsi
    call path_work
    jmp 1b

    .section .note.GNU-stack, "", @progbits
