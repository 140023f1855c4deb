/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame that says user mode, while the guest has no address space for it.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_bad_return, 0,
               "Returning to a user mode that is not there stops the partition.");

void scenario_main(const struct start_page *start)
{
    static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)frame);
    values.state = FRAME_STATE_USER;
    frame_write(frame, &values);
    frame_return((uintptr_t)frame);
}
