/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fields of a 64-bit trap frame: see frame.h.
 */
#include "frame.h"

#include "bytes.h"

_Static_assert(sizeof(struct trap_frame) <= FRAME_SIZE_LIMIT_BYTES, "callers reserve that much");

uint64_t kernel_code_selector(void)
{
    return SELECTOR_GUEST_CODE_64;
}

void frame_prepare(struct frame_values *values, scenario_function *function, uintptr_t stack)
{
    *values = (struct frame_values){
        .code_address = (uintptr_t)function,
        .stack_address = stack,
        .flags = FLAGS_FIXED,
        .state = FRAME_STATE_EVENTS_MASKED,
        .code_selector = SELECTOR_GUEST_CODE_64,
        .stack_selector = SELECTOR_GUEST_DATA,
    };
}

void frame_write(void *at, const struct frame_values *values)
{
    const struct trap_frame frame = {
        .state = values->state,
        .rip = values->code_address,
        .cs = values->code_selector,
        .rflags = values->flags,
        .rsp = values->stack_address,
        .ss = values->stack_selector,
    };

    memcpy(at, &frame, sizeof(frame));
}
