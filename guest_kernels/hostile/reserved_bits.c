/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bits of an entry that the processor reserves, or that mean global pages, protection keys and
 * the like.
 */
#include "shared/hostile.h"

HOSTILE("Each bit of an entry that the contract does not name is refused.");

#define BIT_GLOBAL 8
#define BIT_RESERVED_FIRST 52
#define BIT_RESERVED_LAST 62

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uint64_t table = table_make(1);

    (void)start;
    EXPECT_CALL(entry_set(table, 0, entry_of(frame, PAGE_WRITE | 1ull << BIT_GLOBAL)),
                invalid_argument);
    for (uint32_t bit = BIT_RESERVED_FIRST; bit <= BIT_RESERVED_LAST; bit++) {
        EXPECT_CALL(entry_set(table, 0, entry_of(frame, PAGE_WRITE | 1ull << bit)),
                    invalid_argument);
    }
    EXPECT_CALL(entry_set(table, 0, entry_of(frame, PAGE_WRITE)), none);
}
