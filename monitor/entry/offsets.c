/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets for entry.S, taken from the structures by the compiler: the Makefile turns the */
/* marked lines of this file's assembly into offsets.h. Never linked. */
#include <stddef.h>

#include "area.h"

#define DEFINE(name, value) __asm__ volatile("\n@define " #name " %c0" : : "i"(value))

void offsets(void);

void offsets(void)
{
    DEFINE(REGISTERS_vector, offsetof(struct registers, vector));
    DEFINE(REGISTERS_size, sizeof(struct registers));
    DEFINE(RECORD_fault_address, offsetof(struct virtual_processor, fault_address));
    DEFINE(RECORD_selectors, offsetof(struct virtual_processor, selectors));
    DEFINE(RECORD_floating_point, offsetof(struct virtual_processor, floating_point));
    DEFINE(RECORD_is_live,
           offsetof(struct virtual_processor, floating_point) + FLOATING_POINT_STATE_SIZE_BYTES);
    DEFINE(RECORD_fs_base, offsetof(struct virtual_processor, fs_base));
    DEFINE(RECORD_gs_base, offsetof(struct virtual_processor, gs_base));
    DEFINE(RECORD_root_address, offsetof(struct virtual_processor, root_address));
    DEFINE(AREA_frame_end, offsetof(struct processor_area, frame_end));
    DEFINE(AREA_scratch, offsetof(struct processor_area, scratch));
    DEFINE(AREA_stack_top, offsetof(struct processor_area, stack_top));
    DEFINE(AREA_current, offsetof(struct processor_area, current));
    DEFINE(AREA_floating_point_owner, offsetof(struct processor_area, floating_point_owner));
    DEFINE(AREA_task_stack, offsetof(struct processor_area, task_stack));
    DEFINE(MONITOR_lock, offsetof(struct monitor, lock));
    DEFINE(ENTRY_syscall, ENTRY_SYSCALL);
    DEFINE(ENTRY_call_32, ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR);
}
