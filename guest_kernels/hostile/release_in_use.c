/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that are mapped, that are tables, or that the monitor writes: given up while in use.
 */
#include "shared/hostile.h"

HOSTILE("A frame that anything refers to cannot be released, alone or in a run.");

void scenario_main(const struct start_page *start)
{
    uint64_t run = frames_allocate(4);
    uint64_t table = table_make(1);

    EXPECT_CALL(hypercall_frames_release(frame_to_machine(run), 1), busy);
    EXPECT_CALL(hypercall_frames_release(frame_to_machine(table), 1), busy);
    EXPECT_CALL(hypercall_frames_release(start->kernel_root_frame, 1), busy);
    for (uint32_t i = 0; i < 3; i++) {
        CALL(hypercall_mapping_update((uintptr_t)frame_pointer(run + i), 0));
    }
    EXPECT_CALL(hypercall_frames_release(frame_to_machine(run), 4), busy);
    /* Nothing of the run has gone: each can be mapped again. */
    for (uint32_t i = 0; i < 3; i++) {
        frame_make_writable(run + i);
    }
    EXPECT_CALL(hypercall_frames_release(frame_before(1), 2), not_owner);
    EXPECT_CALL(raw_call(HC_frames_release, UINTPTR_MAX, 2, 0), not_owner);
}
