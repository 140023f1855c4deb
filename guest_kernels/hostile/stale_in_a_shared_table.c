/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table hangs at two places: what is unmapped by one address must be gone at the other.
 */
#include "shared/hostile.h"

HOSTILE("Unmapping through one place of a shared table is seen at the other.");

#define SLOT_SIZE_BYTES 0x200000u /* what one level-1 table maps */

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uint32_t slot = table_slot(SCRATCH, 2);

    (void)start;
    page_map(SCRATCH, frame, PAGE_WRITE);
    EXPECT_CALL(
        entry_set(table_over(SCRATCH, 2), slot + 1, entry_of(table_over(SCRATCH, 1), TABLE_LINK)),
        none);
    expect_no_trap("a store", byte_write, SCRATCH);
    expect_no_trap("a store to the other place", byte_write, SCRATCH + SLOT_SIZE_BYTES);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, 0), none);
    expect_page_fault("the other place", byte_write, SCRATCH + SLOT_SIZE_BYTES, PAGE_FAULT_WRITE);
    expect_page_fault("the place itself", byte_write, SCRATCH, PAGE_FAULT_WRITE);
}
