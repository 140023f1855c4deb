/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that should have been stopped, and returns.
 */
#include "scenario.h"

SCENARIO_STOPS(STOP_bad_return, 0, "Returning is a bad return.");

void scenario_main(const struct start_page *start)
{
    (void)start;
}
