/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the first registers of a further virtual processor of a 32-bit guest. It has no
 * segment of its own yet, so that FS and GS are null.
 */
#include "hypercall.h"
#include "processor.h"
#include "start.h"

int64_t processor_launch(const struct processor *processor)
{
    const struct processor_context_32 context = {
        .esp = (uint32_t)processor->stack_top_address,
        .ebx = (uintptr_t)processor,
        .eip = (uintptr_t)processor_entry,
        .eflags = EFLAGS_START,
        .cs = SELECTOR_KERNEL_CODE_32,
        .ss = SELECTOR_KERNEL_DATA_32,
        .ds = SELECTOR_KERNEL_DATA_32,
        .es = SELECTOR_KERNEL_DATA_32,
        .kernel_root_frame = start_page->kernel_root_frame,
    };

    return hypercall_processor_start(processor->index, &context);
}
