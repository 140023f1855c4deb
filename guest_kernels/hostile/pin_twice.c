/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pin counts once: a second would outlive the first one's end.
 */
#include "shared/hostile.h"

HOSTILE("A pinned frame cannot be pinned again, at any level.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);

    (void)start;
    for (uint32_t level = 1; level <= root_level(); level++) {
        EXPECT_CALL(hypercall_table_pin(frame_to_machine(table), level), busy);
    }
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(table)), none);
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(table)), type_conflict);
}
