/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An exit that is refused must not be one: with a reason that is too long, or is nowhere.
 */
#include "shared/hostile.h"

HOSTILE("A refused exit is no exit.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    EXPECT_CALL(raw_call(HC_partition_exit, VERDICT_failure, UNMAPPED, 1), fault);
    EXPECT_CALL(raw_call(HC_partition_exit, VERDICT_failure, UNMAPPED, EXIT_REASON_LIMIT), limit);
    EXPECT_CALL(hypercall_version(), none);
}
