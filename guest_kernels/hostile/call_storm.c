/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls as fast as they can be made: good, bad and such as do not exist.
 */
#include "shared/hostile.h"

HOSTILE("Thousands of calls in a row cost nobody but their caller.");

#define ROUND_COUNT 1000

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < ROUND_COUNT; i++) {
        EXPECT_CALL(hypercall_version(), none);
        EXPECT_CALL(raw_call(HYPERCALL_COUNT + i, 0, 0, 0), no_such_call);
        EXPECT_CALL(raw_call(HC_translation_flush, UINTPTR_MAX, 0, 0), none);
    }
}
