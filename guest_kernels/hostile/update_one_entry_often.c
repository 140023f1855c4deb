/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One entry many times in one batch: what each update took, the next one has to give back.
 */
#include "shared/hostile.h"

HOSTILE("References of a batch that writes one entry again and again come out even.");

static struct table_update updates[TABLE_UPDATE_LIMIT];

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);
    uint64_t frames[2] = {frame_allocate(), frame_allocate()};

    (void)start;
    for (uint32_t i = 0; i < TABLE_UPDATE_LIMIT; i++) {
        updates[i].entry_address = entry_address(table, 7);
        updates[i].value = entry_of(frames[i % 2], PAGE_WRITE);
    }
    EXPECT_CALL(hypercall_table_update(updates, TABLE_UPDATE_LIMIT), none);
    frame_make_read_only(frames[0]);
    frame_make_read_only(frames[1]);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frames[0]), 1), none);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frames[1]), 1), type_conflict);
}
