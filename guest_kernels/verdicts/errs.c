/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that cannot bring about what it wants to test.
 */
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "What it wants to test never comes about.");

void scenario_main(const struct start_page *start)
{
    scenario_error("partition %u found no partner to test with", start->partition);
}
