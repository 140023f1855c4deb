/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call that only 32-bit guests have.
 */
#include "shared/hostile.h"

HOSTILE("A 64-bit guest has no descriptors of its own.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    EXPECT_CALL(raw_call(HC_descriptor_set, 0, 0, 0), no_such_call);
    EXPECT_CALL(raw_call(HC_descriptor_set, 0, 0x00cff3000000ffff, 0), no_such_call);
}
