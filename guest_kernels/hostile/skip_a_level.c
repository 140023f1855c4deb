/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table hung one level too high would have its entries read as tables.
 */
#include "shared/hostile.h"

HOSTILE("A table can only hang below a table of the next level.");

void scenario_main(const struct start_page *start)
{
    uint64_t lowest = table_make(1);
    uint64_t middle = table_make(2);
    uint64_t high = table_make(3);

    (void)start;
    EXPECT_CALL(entry_set(high, 0, entry_of(lowest, TABLE_LINK)), type_conflict);
    EXPECT_CALL(entry_set(middle, 0, entry_of(high, TABLE_LINK)), type_conflict);
    EXPECT_CALL(entry_set(middle, 0, entry_of(frame_allocate(), TABLE_LINK)), type_conflict);
    EXPECT_CALL(hypercall_roots_set(frame_to_machine(lowest), 0), type_conflict);
    EXPECT_CALL(entry_set(middle, 0, entry_of(lowest, TABLE_LINK)), none);
    EXPECT_CALL(entry_set(high, 0, entry_of(middle, TABLE_LINK)), none);
}
