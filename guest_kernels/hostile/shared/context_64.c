/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first registers of a 64-bit virtual processor: see context.h.
 */
#include "context.h"

#include "frame.h"

int64_t context_try(uint64_t root_frame)
{
    const struct processor_context context = {
        .rip = (uintptr_t)frame_landing,
        .rsp = SCRATCH,
        .kernel_root_frame = root_frame,
    };

    return hypercall_processor_start(1, &context);
}
