/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that does not come to a verdict: nobody handles its exception.
 */
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "Address 4096 can be written.");

void scenario_main(const struct start_page *start)
{
    volatile uint8_t *nowhere = (volatile uint8_t *)(uintptr_t)4096;

    *nowhere = (uint8_t)start->partition;
}
