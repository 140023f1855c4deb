/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel of the 32-bit random-code guest; see frame.h. */
#define TEXT 0xf8000000
#include "frame.h"

#define FRAME_STATE 24
#define FRAME_EIP 28
#define FRAME_EFLAGS 36
#define FRAME_ESP 40
#define EFLAGS 0x202

        .macro monitor number
        mov $HC_\number, %eax
        int $HYPERCALL_VECTOR
        .endm

        /* Maps a page again, for user mode too: %edi is the machine frame of page 0. */
        .macro map_for_user page, low, high
        lea \page(%edi), %ecx
        shl $PAGE_SHIFT, %ecx
        or $\low, %ecx
        mov $\high, %edx
        mov $PAGE_OF(\page), %ebx
        monitor mapping_update
        .endm

        .globl _start
_start:
        mov START_FIRST_FRAME(%ebx), %edi
        mov START_SHARED_PAGES(%ebx), %ebp
        mov $HANDLERS, %ebx
        mov $TRAP_VECTOR_LIMIT, %ecx
        monitor trap_handlers_set
        mov $0, %ebx
        mov $handler, %ecx
        monitor callback_set
        mov $1, %ebx
        mov $handler, %ecx
        monitor callback_set
        mov $KERNEL_STACK, %ebx
        monitor kernel_stack_set
        map_for_user SLOTS_PAGE, ENTRY_PRESENT | ENTRY_USER, 0
        map_for_user SCRATCH_PAGE, ENTRY_PRESENT | ENTRY_USER | ENTRY_WRITABLE, 0x80000000
        mov %ebp, COUNTER + 8
        mov $KERNEL_STACK - 48, %esp
handler:
        mov $SELECTOR_KERNEL_DATA_32, %eax
        mov %eax, %ds
        mov %eax, %es
        incl COUNTER
        cmpl $SLOT_COUNT, COUNTER
        ja leave
        monitor time_get
        mov %eax, %ebx
        mov %edx, %ecx
        add $SLOT_CYCLES, %ebx
        adc $0, %ecx
        monitor timer_set
        mov COUNTER, %eax
        dec %eax
        imul $SLOT_SIZE_BYTES, %eax, %eax
        add $PAGE_OF(SLOTS_PAGE), %eax
        mov $KERNEL_STACK - 48, %esp
        mov %eax, FRAME_EIP(%esp)
        movl $FRAME_STATE_USER, FRAME_STATE(%esp)
        movl $EFLAGS, FRAME_EFLAGS(%esp)
        movl $USER_STACK, FRAME_ESP(%esp)
        mov $SELECTOR_GUEST_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov COUNTER + 8, %ebp
        movl $0, 16(%ebp) /* events are no longer masked */
        monitor iret
leave:
        mov $0, %ebx
        mov $0, %edx
        monitor partition_exit
