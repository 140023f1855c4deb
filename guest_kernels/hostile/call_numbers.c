/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that do not exist, next to the last one that does, and at every border of a number.
 */
#include "shared/hostile.h"

HOSTILE("Every number that names no call is refused as such.");

static const uint64_t numbers[] = {
    HYPERCALL_COUNT, HYPERCALL_COUNT + 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff,
};

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        EXPECT_CALL(raw_call(numbers[i], 0, 0, 0), no_such_call);
    }
    EXPECT_CALL(raw_call(HC_version, 1, 2, 3), none);
}
