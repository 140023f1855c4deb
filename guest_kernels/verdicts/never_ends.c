/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that never ends: the limit of cycles does.
 */
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "A loop without an end has one.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (;;) {
        __asm__ volatile("" ::: "memory");
    }
}
