/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that can be given up is given up, in runs, and asked for again.
 */
#include "shared/hostile.h"

HOSTILE("A guest that releases nearly all its memory goes on with the rest.");

#define KEPT_FRAMES 8

void scenario_main(const struct start_page *start)
{
    uint64_t count = frames_free_count() - KEPT_FRAMES;
    uint64_t first = frames_allocate(count);

    (void)start;
    for (uint64_t frame = first; frame < first + count; frame++) {
        CALL(hypercall_mapping_update((uintptr_t)frame_pointer(frame), 0));
    }
    EXPECT_CALL(hypercall_frames_release(frame_to_machine(first), count), none);
    EXPECT_CALL(hypercall_frames_release(frame_to_machine(first), count), not_owner);
    EXPECT_CALL(
        hypercall_mapping_update((uintptr_t)frame_pointer(first), entry_of(first, PAGE_WRITE)),
        not_owner);
    expect_no_trap("what is left", byte_write, (uintptr_t)frame_pointer(frame_allocate()));
}
