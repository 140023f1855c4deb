/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch whose last update is wrong, behind as many right ones as fit.
 */
#include "shared/hostile.h"

HOSTILE("A batch with one wrong update changes no entry and keeps no reference.");

static struct table_update updates[TABLE_UPDATE_LIMIT];

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);
    uint64_t frame = frame_allocate();
    const volatile uint64_t *entries = frame_pointer(table);

    (void)start;
    for (uint32_t i = 0; i < TABLE_UPDATE_LIMIT; i++) {
        updates[i].entry_address = entry_address(table, i);
        updates[i].value = entry_of(frame, PAGE_WRITE);
    }
    updates[TABLE_UPDATE_LIMIT - 1].value = frame_before(1) << PAGE_SHIFT | PAGE_WRITE;
    EXPECT_CALL(hypercall_table_update(updates, TABLE_UPDATE_LIMIT), not_owner);
    for (uint32_t i = 0; i < TABLE_UPDATE_LIMIT; i++) {
        EXPECT(entries[i] == 0, "entry %u was written", (unsigned)i);
    }
    frame_make_read_only(frame);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frame), 1), none);
}
