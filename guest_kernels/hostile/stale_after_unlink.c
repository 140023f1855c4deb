/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Not the page is unmapped but a table above it, at each level in turn.
 */
#include "shared/hostile.h"

HOSTILE("A page below a table that was unlinked faults at once.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    page_map(SCRATCH, frame, PAGE_WRITE);
    for (uint32_t level = 2; level <= 3; level++) {
        uint64_t table = table_over(SCRATCH, level);
        uint32_t slot = table_slot(SCRATCH, level);
        uint64_t link = ((const volatile uint64_t *)frame_pointer(table))[slot];

        expect_no_trap("a store", byte_write, SCRATCH);
        EXPECT_CALL(entry_set(table, slot, 0), none);
        expect_page_fault("the page", byte_write, SCRATCH, PAGE_FAULT_WRITE);
        EXPECT_CALL(entry_set(table, slot, link), none);
    }
}
