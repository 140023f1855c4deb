/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame that the guest has given up is nobody's: it wants it back.
 */
#include "shared/hostile.h"

HOSTILE("A released frame cannot be mapped, pinned or released again.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uint64_t machine_frame = frame_to_machine(frame);

    (void)start;
    CALL(hypercall_mapping_update((uintptr_t)frame_pointer(frame), 0));
    EXPECT_CALL(hypercall_frames_release(machine_frame, 1), none);
    EXPECT_CALL(hypercall_mapping_update((uintptr_t)frame_pointer(frame),
                                         machine_frame << PAGE_SHIFT | PAGE_WRITE),
                not_owner);
    EXPECT_CALL(hypercall_table_pin(machine_frame, 1), not_owner);
    EXPECT_CALL(hypercall_frames_release(machine_frame, 1), not_owner);
}
