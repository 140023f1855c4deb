/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the first registers of a further virtual processor of a 64-bit guest.
 */
#include "hypercall.h"
#include "processor.h"
#include "start.h"

int64_t processor_launch(const struct processor *processor)
{
    const struct processor_context context = {
        .rip = (uintptr_t)processor_entry,
        .rsp = processor->stack_top_address,
        .rdi = (uintptr_t)processor,
        .kernel_root_frame = start_page->kernel_root_frame,
    };

    return hypercall_processor_start(processor->index, &context);
}
