/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that is stopped, but not for the reason that it names.
 */
#include "scenario.h"
#include "trap.h"

SCENARIO_STOPS(STOP_unhandled_trap, VECTOR_PAGE_FAULT, "An undefined instruction is a page fault.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    __asm__ volatile("ud2");
}
