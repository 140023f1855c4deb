/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames around the guest's own memory belong to its neighbours, where it has any: it tries to
 * map each, to read and to write.
 */
#include "shared/hostile.h"

HOSTILE("Frames before and behind the guest's own memory cannot be mapped.");

#define DISTANCE_LIMIT 64

static void frame_try(uint64_t machine_frame)
{
    uint64_t address = machine_frame << PAGE_SHIFT;

    EXPECT_CALL(hypercall_mapping_update(SCRATCH, address | PAGE_READ), not_owner);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, address | PAGE_WRITE), not_owner);
}

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    page_map(SCRATCH, frame, PAGE_WRITE);
    for (uint64_t distance = 1; distance <= DISTANCE_LIMIT; distance++) {
        frame_try(frame_before(distance));
        frame_try(frame_behind(distance));
    }
    expect_no_trap("the page as it was", byte_write, SCRATCH);
}
