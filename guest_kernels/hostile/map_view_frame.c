/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The view says who owns what: a guest that could write it would own everything.
 */
#include "shared/hostile.h"

HOSTILE("No frame of the view's region can be mapped, pinned or released.");

#define VIEW_FIRST_FRAME 0x100u
#define VIEW_LAST_FRAME 0x1ffu
#define STRIDE 17u

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    for (uint64_t frame = VIEW_FIRST_FRAME; frame <= VIEW_LAST_FRAME; frame += STRIDE) {
        EXPECT_CALL(hypercall_mapping_update(SCRATCH, frame << PAGE_SHIFT | PAGE_READ), not_owner);
        EXPECT_CALL(hypercall_mapping_update(SCRATCH, frame << PAGE_SHIFT | PAGE_WRITE), not_owner);
        EXPECT_CALL(hypercall_table_pin(frame, 1), not_owner);
        EXPECT_CALL(hypercall_frames_release(frame, 1), not_owner);
    }
}
