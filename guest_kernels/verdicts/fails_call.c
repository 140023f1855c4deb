/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario whose call of the monitor is refused for another reason than it expects.
 */
#include "hypercall.h"
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "A table of level nine is a table.");

void scenario_main(const struct start_page *start)
{
    EXPECT_CALL(hypercall_table_pin(start->kernel_root_frame, 9), none);
}
