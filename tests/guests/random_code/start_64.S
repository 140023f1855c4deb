/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel of the 64-bit random-code guest; see frame.h. */
#define TEXT 0xffffffff80000000
#include "frame.h"

#define FRAME_STATE 48
#define FRAME_RIP 56
#define FRAME_RFLAGS 72
#define FRAME_RSP 80
#define RFLAGS 0x202

        .macro monitor number
        mov $HC_\number, %eax
        vmcall
        .endm

        .globl _start
_start:
        mov START_KERNEL_ROOT(%rdi), %rbx
        mov START_SHARED_PAGES(%rdi), %rbp
        mov $HANDLERS, %rdi
        mov $TRAP_VECTOR_LIMIT, %esi
        monitor trap_handlers_set
        mov $0, %edi
        lea handler(%rip), %rsi
        monitor callback_set
        mov $1, %edi
        lea handler(%rip), %rsi
        monitor callback_set
        mov $KERNEL_STACK, %rdi
        monitor kernel_stack_set
        mov %rbx, %rdi
        mov %rbx, %rsi
        monitor roots_set
        mov %rbp, COUNTER + 8
        mov $KERNEL_STACK - 96, %rsp
handler:
        incl COUNTER
        cmpl $SLOT_COUNT, COUNTER
        ja leave
        monitor time_get
        lea SLOT_CYCLES(%rax), %rdi
        monitor timer_set
        mov COUNTER, %eax
        dec %eax
        imul $SLOT_SIZE_BYTES, %rax, %rax
        lea PAGE_OF(SLOTS_PAGE)(%rax), %rax
        mov $KERNEL_STACK - 96, %rsp
        mov %rax, FRAME_RIP(%rsp)
        movq $FRAME_STATE_USER, FRAME_STATE(%rsp)
        movq $RFLAGS, FRAME_RFLAGS(%rsp)
        movq $USER_STACK, FRAME_RSP(%rsp)
        mov COUNTER + 8, %rbp
        movq $0, 16(%rbp) /* events are no longer masked */
        monitor iret
leave:
        mov $0, %edi
        mov $0, %edx
        monitor partition_exit
