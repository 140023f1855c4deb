/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame with an address that no processor can hold as its next one: `sysret` or `iret` in
 * the monitor would fault there, with the guest's registers.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_bad_return, 0, "Returning to a non-canonical address stops the partition.");

void scenario_main(const struct start_page *start)
{
    static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)frame);
    values.code_address = 0x0000800000000000;
    frame_write(frame, &values);
    frame_return((uintptr_t)frame);
}
