/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame begins in a mapped page and ends in none.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_bad_return, 0,
               "Returning through a frame that runs into an unmapped page stops the partition.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    frame_return(SCRATCH + PAGE_SIZE_BYTES - 16);
}
