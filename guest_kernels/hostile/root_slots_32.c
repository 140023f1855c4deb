/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A root of a 32-bit guest has four entries: the others would map addresses above 4 GiB.
 */
#include "shared/hostile.h"

HOSTILE("Only the first four slots of a 32-bit root can be used.");

#define ROOT_SLOT_COUNT 4

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(2);
    uint64_t root = table_make(3);

    (void)start;
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        if (slot < ROOT_SLOT_COUNT) {
            EXPECT_CALL(entry_set(root, slot, entry_of(table, TABLE_LINK)), none);
        } else {
            EXPECT_CALL(entry_set(root, slot, entry_of(table, TABLE_LINK)), invalid_argument);
        }
    }
}
