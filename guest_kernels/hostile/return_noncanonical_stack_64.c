/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame with a stack pointer that is not canonical.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_bad_return, 0, "Returning with a non-canonical stack stops the partition.");

void scenario_main(const struct start_page *start)
{
    static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)frame);
    values.stack_address = 0x8000000000000000;
    frame_write(frame, &values);
    frame_return((uintptr_t)frame);
}
