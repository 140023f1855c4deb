/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures at addresses at which no compiler would put them.
 */
#include "shared/hostile.h"
#include "bytes.h"

HOSTILE("Unaligned pointers are taken as they are.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);
    uint64_t frame = frame_allocate();
    uint8_t room[sizeof(struct table_update) + sizeof(uint64_t)];

    (void)start;
    for (uint32_t offset = 0; offset < sizeof(uint64_t); offset++) {
        const struct table_update update = {entry_address(table, offset),
                                            entry_of(frame, PAGE_READ)};

        memcpy(room + offset, &update, sizeof(update));
        EXPECT_CALL(raw_call(HC_table_update, (uintptr_t)(room + offset), 1, 0), none);
        EXPECT(((const volatile uint64_t *)frame_pointer(table))[offset] == update.value,
               "offset %u wrote something else", (unsigned)offset);
    }
}
