/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring-0 entry, exit and switch: what every hypercall, trap and world switch of the
 * simulated build executes, and so what it costs. Benchmarks attribute its cycles to phases
 * by the labels here: ultravisor/bench/switch_phases.py says which label begins which.
 *
 * The stack on entry is the current record itself: TSS.rsp0 and processor_area.frame_end
 * are the end of its struct registers, so saving registers is pushing them, C sees them as
 * the record, and a switch copies nothing. GS: inside the monitor its base is the
 * processor's area, and the guest's base waits in KERNEL_GS_BASE.
 */
#include "abi.h"
#include "core/machine_map.h"
#include "doorbell.h"
#include "offsets.h"

#define MSR_FS_BASE 0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102
#define VECTOR_DEVICE_NOT_AVAILABLE 7
#define VECTOR_PAGE_FAULT 14

        /* Offsets from %rsp once all general registers are popped: vector, error code, frame. */
#define AT_VECTOR 0
#define AT_RIP 16
#define AT_RFLAGS 32
#define AT_RSP 40

#ifndef FLOATING_POINT_SCHEME
#define FLOATING_POINT_SCHEME "floating_point_eager.S"
#endif
#include FLOATING_POINT_SCHEME

.macro push_general
        push %rdi
        push %rsi
        push %rdx
        push %rcx
        push %rax
        push %r8
        push %r9
        push %r10
        push %r11
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
.endm

.macro pop_general
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rax
        pop %rcx
        pop %rdx
        pop %rsi
        pop %rdi
.endm

.section .text.entry, "ax"

        .globl syscall_entry
syscall_entry:
        swapgs
        mov %rsp, %gs:AREA_scratch
        mov %gs:AREA_frame_end, %rsp
        pushq $SELECTOR_GUEST_DATA
        pushq %gs:AREA_scratch
        push %r11
        pushq $SELECTOR_GUEST_CODE_64
        push %rcx
        pushq $0
        pushq $ENTRY_syscall
        push_general
        mov %rsp, %rdi
        mov %gs:AREA_stack_top, %rsp
        call monitor_enter
        jmp leave

        /* `int $0x82` of a 32-bit guest's kernel mode, by a gate of its own. */
        .globl call_32_entry
call_32_entry:
        cld
        swapgs
        pushq $0
        pushq $ENTRY_call_32
        push_general
        mov %rsp, %rdi
        mov %gs:AREA_stack_top, %rsp
        call monitor_enter
        jmp leave

        /*
         * Traps and interrupts: the processor has pushed its frame, the stub vector and error. No
         * gate clears the direction flag, and C counts on it; for `syscall` the mask does.
         */
trap_common:
        cld
        testb $3, 24(%rsp)
        jz 1f                           /* out of the idle loop: GS is already ours */
        swapgs
1:      push_general
        mov %rsp, %rdi
        mov %gs:AREA_stack_top, %rsp
        cmpq $VECTOR_PAGE_FAULT, REGISTERS_vector(%rdi)
        jne 2f
        mov %cr2, %rax
        mov %rax, RECORD_fault_address(%rdi)
2:      call simulated_enter
        jmp leave

.macro trap_stub vector, has_error_code
        .balign 16
trap_\vector:
        .if \has_error_code == 0
        pushq $0
        .endif
        pushq $\vector
        jmp trap_common
.endm

        .altmacro
        .set vector, 0
        .rept TRAP_VECTOR_LIMIT
        /* Vectors for which the processor pushes an error code: 8, 10 to 14, 17, 21, 29, 30. */
        .if vector == VECTOR_DEVICE_NOT_AVAILABLE
        floating_point_trap
        .elseif (0x60227d00 >> vector) & 1
        trap_stub %vector, 1
        .else
        trap_stub %vector, 0
        .endif
        .set vector, vector + 1
        .endr

        .globl timer_entry
timer_entry:
        pushq $0
        pushq $INTERRUPT_TIMER
        jmp trap_common

        .globl kick_entry
kick_entry:
        pushq $0
        pushq $INTERRUPT_KICK
        jmp trap_common

.section .text.exit, "ax"

        /* %rax: the record to run next. */
leave:
        cmp %rax, %gs:AREA_current
        jne switch_to
resume:
        mov %rax, %rsp
        pop_general
        cmpq $ENTRY_syscall, AT_VECTOR(%rsp)
        jne 1f
        /* `sysret` restores rip and rflags from rcx and r11: only when they say the same. */
        cmp %rcx, AT_RIP(%rsp)
        jne 1f
        cmp %r11, AT_RFLAGS(%rsp)
        jne 1f
        mov AT_RSP(%rsp), %rsp
        swapgs
        sysretq
1:      add $16, %rsp
        testb $3, 8(%rsp)
        jz 2f
        swapgs
2:      iretq

        .globl idle_loop
idle_loop:
        sti
        hlt
        jmp idle_loop

.section .text.switch, "ax"

.macro save_selector segment, place
        mov %\segment, %ecx
        mov %cx, \place(%rdx)
.endm

        /* %rax: next record. Full context, but for what the scheme above leaves for later. */
switch_to:
        mov %gs:AREA_current, %rdx
        floating_point_leave
        save_selector ds, RECORD_selectors
        save_selector es, RECORD_selectors + 2
        save_selector fs, RECORD_selectors + 4
        save_selector gs, RECORD_selectors + 6
        mov %rax, %rsi
        mov %rdx, %rdi
        mov $MSR_FS_BASE, %ecx
        rdmsr
        mov %eax, RECORD_fs_base(%rdi)
        mov %edx, RECORD_fs_base + 4(%rdi)
        mov $MSR_KERNEL_GS_BASE, %ecx
        rdmsr
        mov %eax, RECORD_gs_base(%rdi)
        mov %edx, RECORD_gs_base + 4(%rdi)
switch_restore:
        mov RECORD_selectors(%rsi), %rax
        or RECORD_selectors(%rdi), %rax
        jnz load_selectors
selectors_loaded:
        mov RECORD_fs_base(%rsi), %eax
        mov RECORD_fs_base + 4(%rsi), %edx
        mov $MSR_FS_BASE, %ecx
        wrmsr
        mov RECORD_gs_base(%rsi), %eax
        mov RECORD_gs_base + 4(%rsi), %edx
        mov $MSR_KERNEL_GS_BASE, %ecx
        wrmsr
        floating_point_enter
        mov %rsi, %gs:AREA_current
        lea REGISTERS_size(%rsi), %rax
        mov %rax, %gs:AREA_frame_end
        mov %gs:AREA_task_stack, %rcx
        mov %rax, (%rcx)
switch_space:
        mov RECORD_root_address(%rsi), %rax
        mov %rax, %cr3
switch_done:
        mov %rsi, %rax
        jmp resume

        /* 32-bit guests have some, 64-bit ones rarely. GS: on the guest's side of swapgs. */
load_selectors:
        movzwl RECORD_selectors(%rsi), %eax
        mov %eax, %ds
        movzwl RECORD_selectors + 2(%rsi), %eax
        mov %eax, %es
        movzwl RECORD_selectors + 4(%rsi), %eax
        mov %eax, %fs
        movzwl RECORD_selectors + 6(%rsi), %eax
        swapgs
        mov %eax, %gs
        swapgs
        jmp selectors_loaded

        /* %rdi: the first record a processor runs; there is none before it to save. */
        .globl enter_first
enter_first:
        mov %rdi, %rax
        jmp leave_boot
leave_boot:
        mov %gs:AREA_stack_top, %rsp
        cmp %rax, %gs:AREA_current
        jne switch_to
        lea REGISTERS_size(%rax), %rcx
        mov %rcx, %gs:AREA_frame_end
        jmp resume

.section .text.boot, "ax"

        /* %rdi: processor. Long mode, the boot tables, ring 0: as the firmware leaves it. */
        .globl boot_entry
boot_entry:
        floating_point_boot
        mov %edi, %eax
        inc %eax
        imul $MONITOR_STACK_SIZE_BYTES, %rax, %rax
        movabs $MONITOR_DIRECT_ADDRESS + MONITOR_STACKS_ADDRESS, %rsp
        add %rax, %rsp
        xor %ebp, %ebp
        call simulated_boot
        ud2

.section .rodata.trap_entries, "a"
        .balign 8
        .globl trap_entries
trap_entries:
        .macro trap_address vector
        .quad trap_\vector
        .endm
        .set vector, 0
        .rept TRAP_VECTOR_LIMIT
        trap_address %vector
        .set vector, vector + 1
        .endr

.section .note.GNU-stack, "", @progbits
