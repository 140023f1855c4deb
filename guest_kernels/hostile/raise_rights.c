/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rights that a first mapping refuses are taken through a second mapping of the same frame.
 */
#include "shared/hostile.h"

HOSTILE("A second mapping gives no right that excludes what the first one needs.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    code_write(frame, 1);
    frame_make_read_only(frame);
    page_map(SCRATCH, frame, PAGE_CODE);
    page_map(SCRATCH_OTHER, frame, PAGE_READ);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH_OTHER, entry_of(frame, PAGE_WRITE)),
                type_conflict);
    expect_page_fault("a store through the second mapping", byte_write, SCRATCH_OTHER,
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    expect_page_fault("running the second mapping", code_run, SCRATCH_OTHER,
                      PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH);
}
