/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The paths of 32-bit guests: what lies between NAME_begin and NAME_end is measured.
 * Handlers do as little as one can: what is the guest's own choice is no part of a path.
 */
#include "abi.h"
#include "paths.h"

    .text
    .balign 4096
    .globl path_work, path_work_end
    .type path_work, @function
path_work:
    mov 4(%esp), %edx
    mov 8(%esp), %ecx
1:  mov (%edx), %eax
    add $WORK_STEP_BYTES, %edx
    dec %ecx
    jnz 1b
    ret
path_work_end:
    int3 /* no two symbols at one address */

    .globl path_call, path_call_begin, path_call_end
    .type path_call, @function
path_call:
path_call_begin:
    call *%eax
path_call_end:
    jmp path_leave

    .globl path_fault, path_fault_begin, path_fault_end
    .type path_fault, @function
path_fault:
path_fault_begin:
    mov %al, 16
path_fault_end:
    xor %eax, %eax
    xor %edx, %edx
    jmp path_leave

    .globl path_none
    .type path_none, @function
path_none:
    xor %eax, %eax
    xor %edx, %edx
path_leave:
    pop %ebp
    pop %edi
    pop %esi
    pop %ebx
    ret

    .globl path_fault_entry
    .type path_fault_entry, @function
path_fault_entry:
    movl $path_fault_end, 28(%esp)
    mov $HC_iret, %eax
    int $HYPERCALL_VECTOR

    .globl path_system_call_entry
    .type path_system_call_entry, @function
path_system_call_entry:
    mov $HC_iret, %eax
    int $HYPERCALL_VECTOR

    /* The link's port is among the first 32. */
.macro take_pending
    mov path_pending, %eax
    xor %ecx, %ecx
    xchg %ecx, (%eax)
.endm

    .globl path_client_entry
    .type path_client_entry, @function
path_client_entry:
    take_pending
    mov $HC_iret, %eax
    int $HYPERCALL_VECTOR

    .globl path_server_entry
    .type path_server_entry, @function
path_server_entry:
    take_pending
    push %ebx
    mov $PORT_LINK_FIRST, %ebx
    mov $HC_event_send, %eax
    int $HYPERCALL_VECTOR
    pop %ebx
    mov $HC_iret, %eax
    int $HYPERCALL_VECTOR

    .globl path_partner, path_partner_end
    .type path_partner, @function
path_partner:
    mov 4(%esp), %ebx
    mov 8(%esp), %esi
    mov 12(%esp), %edi
1:  mov %ebx, %eax
    call *%eax
path_partner_end:
    push %edi
    push %esi
    call path_work
    add $8, %esp
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
    mov 4(%esp), %ebx
    mov 8(%esp), %esi
    mov 12(%esp), %edi
1:  mov %ebx, %eax
    call *%eax
    addps %xmm0, %xmm0
path_partner_floating_end:
    push %edi
    push %esi
    call path_work
    add $8, %esp
    jmp 1b

    .section .note.GNU-stack, "", @progbits
