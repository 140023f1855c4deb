/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Call numbers whose low half names a call.
 */
#include "shared/hostile.h"

HOSTILE("A call number is all 64 bits of its register.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    EXPECT_CALL(raw_call(1ull << 32, 0, 0, 0), no_such_call);
    EXPECT_CALL(raw_call(1ull << 32 | HC_partition_exit, 0, 0, 0), no_such_call);
    EXPECT_CALL(raw_call(1ull << 63, 0, 0, 0), no_such_call);
    EXPECT_CALL(raw_call(UINT64_MAX, 0, 0, 0), no_such_call);
}
