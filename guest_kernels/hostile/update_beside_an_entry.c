/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries at addresses that are no entries' addresses.
 */
#include "shared/hostile.h"

HOSTILE("An update at an unaligned address, or outside of a pinned table, is refused.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);
    uint64_t data = frame_allocate();
    struct table_update update = {.value = entry_of(data, PAGE_WRITE)};

    (void)start;
    for (uint32_t offset = 1; offset < sizeof(uint64_t); offset++) {
        update.entry_address = entry_address(table, 0) + offset;
        EXPECT_CALL(hypercall_table_update(&update, 1), invalid_argument);
    }
    update.entry_address = entry_address(data, 0);
    EXPECT_CALL(hypercall_table_update(&update, 1), type_conflict);
    update.entry_address = frame_before(1) << PAGE_SHIFT;
    EXPECT_CALL(hypercall_table_update(&update, 1), not_owner);
    update.entry_address = ~7ull;
    EXPECT_CALL(hypercall_table_update(&update, 1), not_owner);
}
