/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch removes the mapping of the very page that holds it.
 */
#include "shared/hostile.h"

HOSTILE("A batch that unmaps itself is executed as it was read.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    struct table_update *updates = (struct table_update *)(uintptr_t)SCRATCH;

    (void)start;
    page_map(SCRATCH, frame, PAGE_WRITE);
    updates[0].entry_address = entry_address(table_over(SCRATCH, 1), table_slot(SCRATCH, 1));
    updates[0].value = 0;
    updates[1].entry_address = entry_address(table_over(SCRATCH, 1), table_slot(SCRATCH, 1) + 1);
    updates[1].value = entry_of(frame, PAGE_READ);
    EXPECT_CALL(hypercall_table_update(updates, 2), none);
    expect_page_fault("the page that held it", byte_read, SCRATCH, 0);
    expect_no_trap("the page behind it", byte_read, SCRATCH + PAGE_SIZE_BYTES);
}
