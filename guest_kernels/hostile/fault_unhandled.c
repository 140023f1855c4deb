/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store to where nothing is mapped, and nobody to handle the fault.
 */
#include "shared/hostile.h"

SCENARIO_STOPS(STOP_unhandled_trap, 14, "A page fault without a handler stops the partition.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    byte_write(UNMAPPED);
}
