/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fields of a 32-bit trap frame: see frame.h.
 */
#include "frame.h"

#include "bytes.h"

_Static_assert(sizeof(struct trap_frame_32) <= FRAME_SIZE_LIMIT_BYTES, "callers reserve that much");

uint64_t kernel_code_selector(void)
{
    return SELECTOR_KERNEL_CODE_32;
}

void frame_prepare(struct frame_values *values, scenario_function *function, uintptr_t stack)
{
    *values = (struct frame_values){
        .code_address = (uintptr_t)function,
        .stack_address = stack,
        .flags = FLAGS_FIXED,
        .state = FRAME_STATE_EVENTS_MASKED,
        .code_selector = SELECTOR_KERNEL_CODE_32,
        .stack_selector = SELECTOR_KERNEL_DATA_32,
    };
}

void frame_write(void *at, const struct frame_values *values)
{
    const struct trap_frame_32 frame = {
        .state = (uint32_t)values->state,
        .eip = (uint32_t)values->code_address,
        .cs = (uint32_t)values->code_selector,
        .eflags = (uint32_t)values->flags,
        .esp = (uint32_t)values->stack_address,
        .ss = (uint32_t)values->stack_selector,
    };

    memcpy(at, &frame, sizeof(frame));
}
