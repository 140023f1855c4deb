/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page is used, so that the processor remembers it, and unmapped.
 */
#include "shared/hostile.h"

HOSTILE("An unmapped page faults at once, by mapping_update and by table_update.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    page_map(SCRATCH, frame, PAGE_WRITE);
    expect_no_trap("a store", byte_write, SCRATCH);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, 0), none);
    expect_page_fault("after mapping_update", byte_write, SCRATCH, PAGE_FAULT_WRITE);
    page_map(SCRATCH, frame, PAGE_WRITE);
    expect_no_trap("a store", byte_write, SCRATCH);
    EXPECT_CALL(entry_set(table_over(SCRATCH, 1), table_slot(SCRATCH, 1), 0), none);
    expect_page_fault("after table_update", byte_write, SCRATCH, PAGE_FAULT_WRITE);
}
