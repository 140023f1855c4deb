/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An undefined instruction, and nobody to handle it.
 */
#include "shared/hostile.h"

SCENARIO_STOPS(STOP_unhandled_trap, 6, "A trap without a handler stops the partition.");

INSTRUCTION(ud2, "ud2")

void scenario_main(const struct start_page *start)
{
    (void)start;
    instruction_ud2(0);
}
