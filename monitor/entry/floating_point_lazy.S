/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FPU and SSE of a switch, lazily: included by entry_lazy.S. A switch only sets CR0.TS, so that
 * the first instruction that needs the registers raises #NM here, in ring 0; guests never see it.
 *
 * processor_area.floating_point_owner names whose state the registers hold, and the record
 * itself says so too, in a word of its FXSAVE image that is software's, RECORD_is_live: 1 while
 * its state is in the registers and not in the image. Both must agree: whoever resets the image
 * of a stopped record (processor_start) thereby takes what the registers hold away from it.
 * While a record runs, TS is clear exactly when it is the owner.
 */
#define CR0_TASK_SWITCHED 8
#define LOCK (MONITOR_STATE_ADDRESS + MONITOR_lock)

.macro task_switched_set
        mov %cr0, %rax
        or $CR0_TASK_SWITCHED, %rax
        mov %rax, %cr0
.endm

.macro floating_point_boot
        task_switched_set
.endm

.macro floating_point_leave
.endm

        /* %rsi: the record that goes on, %rdi: the one that stops. CR0 is written at need only. */
.macro floating_point_enter
        mov %gs:AREA_floating_point_owner, %ecx
        cmp %esi, %ecx
        jne 1f
        cmpl $0, RECORD_is_live(%rsi)
        je 1f
        clts
        jmp 2f
1:      cmp %edi, %ecx
        jne 2f                          /* not the owner either: TS is set */
        task_switched_set
2:
.endm

        /*
         * On the record's own stack, as every trap; the registers go back before it ends. Behind
         * all else, so that the other paths lie in the same lines of code as the eager ones.
         */
.macro floating_point_trap
        .balign 16
        .skip 16, 0xcc
        .pushsection .text.trap_7, "ax"
        .balign 64
trap_7:
        swapgs
        push %rax
        push %rcx
        push %rdx
        clts
        mov %gs:AREA_current, %rax
        mov %gs:AREA_floating_point_owner, %ecx
        test %ecx, %ecx
        jz floating_point_restore
        cmp %eax, %ecx
        jne floating_point_save
        cmpl $0, RECORD_is_live(%rax)
        je floating_point_restore
        jmp floating_point_return
        /* Under the lock, as whoever starts the owner anew while its state is being saved. */
floating_point_save:
        movabs $MONITOR_DIRECT_ADDRESS, %rdx
        add %rdx, %rcx
1:      lock btsl $0, LOCK(%rdx)
        jc 3f
        cmpl $0, RECORD_is_live(%rcx)
        je 2f
        fxsave64 RECORD_floating_point(%rcx)
        movl $0, RECORD_is_live(%rcx)
2:      movl $0, LOCK(%rdx)
floating_point_restore:
        fxrstor64 RECORD_floating_point(%rax)
        movl $1, RECORD_is_live(%rax)
        mov %eax, %gs:AREA_floating_point_owner
floating_point_return:
        pop %rdx
        pop %rcx
        pop %rax
        swapgs
        iretq
3:      pause
        jmp 1b
        .popsection
.endm
