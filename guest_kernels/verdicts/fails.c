/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that finds something else than it expects.
 */
#include "console.h"
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "Two and two are five.");

void scenario_main(const struct start_page *start)
{
    unsigned sum = 2 + 2;

    (void)start;
    print("adding\n");
    EXPECT(sum == 5, "two and two are %u", sum);
}
