/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that succeeds by being stopped for the reason that it names.
 */
#include "scenario.h"
#include "trap.h"

SCENARIO_STOPS(STOP_unhandled_trap, VECTOR_INVALID_OPCODE,
               "An undefined instruction without a handler stops the partition.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    __asm__ volatile("ud2");
}
