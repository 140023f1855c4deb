/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that finds what it needs missing.
 */
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "Sixteen virtual processors, which no partition has, start together.");

void scenario_main(const struct start_page *start)
{
    if (start->virtual_processor_count < 16) {
        scenario_skip("needs 16 virtual processors, has %u", start->virtual_processor_count);
    }
}
