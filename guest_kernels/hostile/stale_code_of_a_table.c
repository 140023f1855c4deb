/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code runs, its frame becomes a page table and is written as such, then runs again.
 */
#include "shared/hostile.h"

HOSTILE("A frame that was code, then a table, runs what it holds last.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uint64_t machine_frame = frame_to_machine(frame);
    /* As an entry: not present. As code: mov $0x7a, %al; ret. */
    const uint64_t value = 0xc37ab0;

    (void)start;
    code_write(frame, 1);
    frame_make_read_only(frame);
    page_map(SCRATCH, frame, PAGE_CODE);
    expect_no_trap("the first code", code_run, SCRATCH);
    CALL(hypercall_mapping_update(SCRATCH, 0));
    frame_make_writable(frame);
    *(volatile uint64_t *)frame_pointer(frame) = 0;
    frame_make_read_only(frame);
    EXPECT_CALL(hypercall_table_pin(machine_frame, 1), none);
    EXPECT_CALL(entry_set(frame, 0, value), none);
    EXPECT_CALL(hypercall_table_unpin(machine_frame), none);
    page_map(SCRATCH, frame, PAGE_CODE);
    EXPECT((((uint32_t (*)(void))(uintptr_t)SCRATCH)() & 0xff) == 0x7a, "old code ran");
}
