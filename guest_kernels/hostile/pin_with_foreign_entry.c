/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table is filled before it is pinned, when nothing looks at it, with one entry that it may
 * not have, behind others that it may.
 */
#include "shared/hostile.h"

HOSTILE("A table with one foreign entry is not pinned, and nothing of it is taken.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = frame_allocate();
    uint64_t page = frame_allocate();
    uint64_t *entries = frame_pointer(table);

    (void)start;
    entries[0] = entry_of(page, PAGE_WRITE);
    entries[TABLE_ENTRY_COUNT - 1] = frame_before(1) << PAGE_SHIFT | PAGE_WRITE;
    frame_make_read_only(table);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(table), 1), not_owner);
    /* Had the reference of the first entry stayed, the page could not become a table. */
    frame_make_read_only(page);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(page), 1), none);
    frame_make_writable(table);
}
