/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rest of each slot is given away as soon as it begins.
 */
#include "shared/hostile.h"

HOSTILE("A partition that only yields gets its turns and takes none.");

#define YIELD_COUNT 100

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < YIELD_COUNT; i++) {
        EXPECT_CALL(hypercall_yield(), none);
    }
}
