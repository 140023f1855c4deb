/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two tables of one level that name each other.
 */
#include "shared/hostile.h"

HOSTILE("Two tables of one level cannot name each other.");

void scenario_main(const struct start_page *start)
{
    uint64_t first = table_make(2);
    uint64_t second = table_make(2);

    (void)start;
    EXPECT_CALL(entry_set(first, 0, entry_of(second, TABLE_LINK)), type_conflict);
    EXPECT_CALL(entry_set(second, 0, entry_of(first, TABLE_LINK)), type_conflict);
}
