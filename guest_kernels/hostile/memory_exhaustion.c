/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every frame becomes a page table, until there is none left.
 */
#include "shared/hostile.h"

HOSTILE("All of a guest's memory can become tables, and ordinary memory again.");

#define KEPT_FRAMES 8

static uint64_t tables[HOSTILE_MEMORY_SIZE_BYTES / PAGE_SIZE_BYTES];

void scenario_main(const struct start_page *start)
{
    uint32_t count = 0;

    (void)start;
    while (frames_free_count() > KEPT_FRAMES) {
        tables[count] = table_make(count % root_level() + 1);
        count++;
    }
    EXPECT(count > 100, "only %u tables", (unsigned)count);
    for (uint32_t i = 0; i < count; i++) {
        EXPECT_CALL(hypercall_table_unpin(frame_to_machine(tables[i])), none);
        frame_make_writable(tables[i]);
        frame_free(tables[i]);
    }
}
