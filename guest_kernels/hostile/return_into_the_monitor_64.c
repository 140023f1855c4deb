/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame that names an address in the monitor's slots.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_bad_return, 0, "Returning to an address of the monitor stops the partition.");

void scenario_main(const struct start_page *start)
{
    static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)frame);
    values.code_address = 0xffff800000200000;
    frame_write(frame, &values);
    frame_return((uintptr_t)frame);
}
