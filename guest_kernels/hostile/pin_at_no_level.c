/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Levels that no table has, some of which wrap to one that it has.
 */
#include "shared/hostile.h"

HOSTILE("A table is pinned at the levels that exist and at no other.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uint64_t machine_frame = frame_to_machine(frame);

    (void)start;
    frame_make_read_only(frame);
    EXPECT_CALL(raw_call(HC_table_pin, (uintptr_t)machine_frame, 0, 0), invalid_argument);
    EXPECT_CALL(raw_call(HC_table_pin, (uintptr_t)machine_frame, root_level() + 1, 0),
                invalid_argument);
    EXPECT_CALL(raw_call(HC_table_pin, (uintptr_t)machine_frame, 0xffffffff, 0), invalid_argument);
    EXPECT_CALL(raw_call(HC_table_pin, (uintptr_t)machine_frame, UINTPTR_MAX, 0), invalid_argument);
    EXPECT_CALL(raw_call(HC_table_pin, (uintptr_t)machine_frame, UINTPTR_MAX / 2 + 2, 0),
                invalid_argument);
}
