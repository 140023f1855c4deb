/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack pointer is where nothing is mapped when `iret` is called.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_bad_return, 0, "Returning through an unmapped frame stops the partition.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    frame_return(UNMAPPED);
}
