/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of level 3 that names itself as the next lower one: the trick by which kernels edit
 * their tables in place.
 */
#include "shared/hostile.h"

HOSTILE("A level-3 table cannot name itself, filled before the pin or after it.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = frame_allocate();
    uint64_t *entries = frame_pointer(table);

    (void)start;
    entries[1] = entry_of(table, TABLE_LINK);
    frame_make_read_only(table);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(table), 3), type_conflict);
    frame_make_writable(table);
    entries[1] = 0;
    frame_make_read_only(table);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(table), 3), none);
    EXPECT_CALL(entry_set(table, 1, entry_of(table, TABLE_LINK)), type_conflict);
    EXPECT_CALL(entry_set(table, 1, entry_of(table, PAGE_READ)), type_conflict);
}
