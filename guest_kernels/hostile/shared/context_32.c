/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first registers of a 32-bit virtual processor: see context.h.
 */
#include "context.h"

#include "frame.h"

int64_t context_try(uint64_t root_frame)
{
    const struct processor_context_32 context = {
        .eip = (uintptr_t)frame_landing,
        .esp = SCRATCH,
        .cs = SELECTOR_KERNEL_CODE_32,
        .ss = SELECTOR_KERNEL_DATA_32,
        .kernel_root_frame = root_frame,
    };

    return raw_call(HC_processor_start, 1, (uintptr_t)&context, 0);
}
