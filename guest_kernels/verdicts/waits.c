/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario that waits for an event that nobody can send.
 */
#include "hypercall.h"
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "An event comes from nowhere.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    EXPECT_CALL(hypercall_block(), none);
}
