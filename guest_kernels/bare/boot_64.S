/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From PVH's entry (32-bit protected mode, no paging, RBX = start information) to
 * bare_main in long mode at the addresses that guests use. Pages are as guests have them:
 * 4 KiB, code executable, everything else not. The lowest GiB is mapped twice, at 0 and
 * at VIRTUAL_BASE.
 */
#define VIRTUAL_BASE 0xffffffff80000000
#define PHYSICAL(symbol) ((symbol) - VIRTUAL_BASE)

#define PAGE_SHIFT 12
#define LARGE_PAGE_SHIFT 21
#define TABLE_ENTRY_COUNT 512
#define ENTRY_PRESENT 0x1
#define ENTRY_WRITABLE 0x2
#define ENTRY_LARGE 0x80
#define ENTRY_NO_EXECUTE_HIGH 0x80000000

#define MSR_EFER 0xc0000080
#define EFER_LONG_MODE_AND_NO_EXECUTE 0x900
#define CR4_WIDE_ENTRIES 0x20
#define CR0_PAGING_AND_PROTECTION 0x80010011

#define SELECTOR_CODE 8
#define SELECTOR_DATA 16
#define STACK_SIZE_BYTES 16384

#define NOTE_PVH_ENTRY 18

        .section .note.pvh, "a", @note
        .balign 4
        .long 4, 8, NOTE_PVH_ENTRY
        .asciz "Xen"
        .quad bare_entry

        .section .boot, "ax"
        .code32
        .globl bare_entry
        .type bare_entry, @function
bare_entry:
        cld
        mov $(PHYSICAL(level_3) + ENTRY_PRESENT + ENTRY_WRITABLE), %eax
        mov %eax, PHYSICAL(level_4)
        mov %eax, PHYSICAL(level_4) + 511 * 8
        mov $(PHYSICAL(level_2) + ENTRY_PRESENT + ENTRY_WRITABLE), %eax
        mov %eax, PHYSICAL(level_3)
        mov %eax, PHYSICAL(level_3) + 510 * 8
        movl $(PHYSICAL(level_1) + ENTRY_PRESENT + ENTRY_WRITABLE), PHYSICAL(level_2)

        /* Large pages: what lies beyond the image, of which only the command line matters. */
        mov $1, %ecx
1:      mov %ecx, %eax
        shl $LARGE_PAGE_SHIFT, %eax
        or $(ENTRY_PRESENT + ENTRY_WRITABLE + ENTRY_LARGE), %eax
        mov %eax, PHYSICAL(level_2)(, %ecx, 8)
        movl $ENTRY_NO_EXECUTE_HIGH, PHYSICAL(level_2) + 4(, %ecx, 8)
        inc %ecx
        cmp $TABLE_ENTRY_COUNT, %ecx
        jb 1b

        /* The first 2 MiB, with all of the image in it. */
        xor %ecx, %ecx
2:      mov %ecx, %eax
        shl $PAGE_SHIFT, %eax
        cmp $image_start, %eax
        jb 3f
        cmp $PHYSICAL(text_end), %eax
        jae 3f
        or $ENTRY_PRESENT, %eax
        xor %edx, %edx
        jmp 4f
3:      or $(ENTRY_PRESENT + ENTRY_WRITABLE), %eax
        mov $ENTRY_NO_EXECUTE_HIGH, %edx
4:      mov %eax, PHYSICAL(level_1)(, %ecx, 8)
        mov %edx, PHYSICAL(level_1) + 4(, %ecx, 8)
        inc %ecx
        cmp $TABLE_ENTRY_COUNT, %ecx
        jb 2b

        mov $PHYSICAL(level_4), %eax
        mov %eax, %cr3
        mov $CR4_WIDE_ENTRIES, %eax
        mov %eax, %cr4
        mov $MSR_EFER, %ecx
        mov $EFER_LONG_MODE_AND_NO_EXECUTE, %eax
        xor %edx, %edx
        wrmsr
        mov $CR0_PAGING_AND_PROTECTION, %eax
        mov %eax, %cr0
        lgdt descriptor_table_register
        ljmp $SELECTOR_CODE, $long_mode

        .code64
long_mode:
        mov $SELECTOR_DATA, %eax
        mov %eax, %ss
        mov %eax, %ds
        mov %eax, %es
        mov $stack_end, %rsp
        mov %ebx, %edi
        xor %ebp, %ebp
        mov $bare_main, %rax
        call *%rax
        ud2
        .size bare_entry, . - bare_entry

        .balign 8
descriptor_table:
        .quad 0
        .quad 0x00af9b000000ffff /* code, 64-bit, ring 0 */
        .quad 0x00cf93000000ffff /* data, ring 0 */
descriptor_table_register:
        .word . - descriptor_table - 1
        .long descriptor_table

        .section .bss.boot, "aw", @nobits
        .balign 4096
level_4:
        .skip 4096
level_3:
        .skip 4096
level_2:
        .skip 4096
level_1:
        .skip 4096
        .skip STACK_SIZE_BYTES
stack_end:

        .section .note.GNU-stack, "", @progbits
