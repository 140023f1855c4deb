/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 64-bit guest's kernel runs in ring 3: an entry without the user bit could only be for the
 * monitor.
 */
#include "shared/hostile.h"

HOSTILE("An entry without the user bit is refused at every level.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    for (uint32_t level = 1; level <= root_level(); level++) {
        EXPECT_CALL(entry_set(table_make(level), 0,
                              entry_of(frame, ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_NO_EXECUTE)),
                    invalid_argument);
    }
}
