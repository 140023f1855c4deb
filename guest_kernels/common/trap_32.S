/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one entry of all traps, events and system calls of 32-bit guests. The stack pointer
 * is the monitor's struct trap_frame_32, which says what happened; EAX, ECX and EDX are in
 * it. CS and SS are the kernel's, the data segments still those of who was interrupted. The
 * handler in C returns the state to resume: the same one, or another process's. `iret` is
 * made here and not through the hypercall page, because a call would move the stack
 * pointer away from the frame.
 */
#include "segment_32.h"

    .text
    .globl trap_entry
    .type trap_entry, @function
trap_entry:
    push %esi
    push %edi
    push %ebp
    push %ebx
    /* By way of a register: a push of a segment register may leave half a word as it was. */
    .irp segment, ds, es, fs, gs
    mov %\segment, %eax
    push %eax
    .endr
    mov $SELECTOR_KERNEL_DATA_32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov $SELECTOR_PROCESSOR, %eax
    mov %eax, %fs
    cld
    mov %esp, %eax
    and $-16, %esp
    sub $12, %esp
    push %eax
    call trap_dispatch
    mov %eax, %esp
    jmp trap_leave

    /* _Noreturn void trap_resume(const struct trap_state *state) */
    .globl trap_resume
    .type trap_resume, @function
trap_resume:
    mov 4(%esp), %esp
trap_leave:
    pop %gs
    pop %fs
    pop %es
    pop %ds
    pop %ebx
    pop %ebp
    pop %edi
    pop %esi
    mov $HC_iret, %eax
    int $HYPERCALL_VECTOR
    ud2
    .size trap_entry, . - trap_entry

    .section .note.GNU-stack, "", @progbits
