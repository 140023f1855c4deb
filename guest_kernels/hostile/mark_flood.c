/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks and switches of the trace, without end and with every value.
 */
#include "shared/hostile.h"

HOSTILE("A flood of marks is accepted, and whoever measures it is not drowned.");

#define MARK_COUNT 2000

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < MARK_COUNT; i++) {
        EXPECT_CALL(raw_call(HC_mark, UINTPTR_MAX - i, (uintptr_t)i << 16, 0), none);
        EXPECT_CALL(raw_call(HC_trace_set, i, 0, 0), none);
    }
}
