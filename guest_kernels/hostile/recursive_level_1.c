/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of the lowest level that maps itself: a guest may read it there, as anywhere.
 */
#include "shared/hostile.h"

HOSTILE("A level-1 table cannot map itself writable or executable.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = frame_allocate();
    uint64_t *entries = frame_pointer(table);

    (void)start;
    entries[0] = entry_of(table, PAGE_WRITE);
    frame_make_read_only(table);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(table), 1), type_conflict);
    table = table_make(1);
    EXPECT_CALL(entry_set(table, 0, entry_of(table, PAGE_WRITE)), type_conflict);
    EXPECT_CALL(entry_set(table, 0, entry_of(table, PAGE_CODE)), type_conflict);
    EXPECT_CALL(entry_set(table, 0, entry_of(table, PAGE_READ)), none);
}
