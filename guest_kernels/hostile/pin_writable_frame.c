/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame that the guest can still write is pinned as a table.
 */
#include "shared/hostile.h"

HOSTILE("A frame with a writable or executable mapping cannot become a page table.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frame), 1), type_conflict);
    frame_make_read_only(frame);
    page_map(SCRATCH, frame, PAGE_CODE);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frame), 1), type_conflict);
    CALL(hypercall_mapping_update(SCRATCH, 0));
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frame), 1), none);
}
