/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A large page would map 512 frames, or more, of which one is the guest's.
 */
#include "shared/hostile.h"

HOSTILE("An entry that maps a large page is refused at every level.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    for (uint32_t level = 1; level <= root_level(); level++) {
        uint64_t table = table_make(level);

        EXPECT_CALL(entry_set(table, 0, entry_of(frame, PAGE_WRITE | ENTRY_LARGE)),
                    invalid_argument);
        EXPECT_CALL(entry_set(table, 0, entry_of(frame, TABLE_LINK | ENTRY_LARGE)),
                    invalid_argument);
    }
}
