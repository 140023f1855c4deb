/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest scenario: one sentence, one expectation.
 */
#include "hypercall.h"
#include "scenario.h"

SCENARIO(4 * 1024 * 1024, "The monitor speaks the version of the contract that the image knows.");

void scenario_main(const struct start_page *start)
{
    EXPECT(start->header.version == ABI_VERSION, "the start page has version %u",
           (unsigned)start->header.version);
    EXPECT(hypercall_version() == ABI_VERSION, "the monitor says %u",
           (unsigned)hypercall_version());
}
