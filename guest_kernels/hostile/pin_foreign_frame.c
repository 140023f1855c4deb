/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A foreign frame as a page table, as a root, and given to somebody else by its release.
 */
#include "shared/hostile.h"

HOSTILE("Foreign frames cannot be pinned, unpinned, loaded as a root or released.");

void scenario_main(const struct start_page *start)
{
    const uint64_t frames[] = {0, 0x300, 0x5f0, 0x800, frame_before(1), frame_behind(1)};

    (void)start;
    for (uint32_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        for (uint32_t level = 1; level <= root_level(); level++) {
            EXPECT_CALL(hypercall_table_pin(frames[i], level), not_owner);
        }
        EXPECT_CALL(hypercall_table_unpin(frames[i]), not_owner);
        EXPECT_CALL(hypercall_roots_set(frames[i], 0), not_owner);
        EXPECT_CALL(hypercall_frames_release(frames[i], 1), not_owner);
    }
}
