/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page that only one of two address spaces has, looked for in the other.
 */
#include "shared/hostile.h"

HOSTILE("After a switch of roots nothing of the old address space is left.");

static uint64_t second_root(void)
{
    uint64_t root = table_make(root_level());
    const volatile uint64_t *entries = frame_pointer(kernel_root());

    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        int is_monitors = root_level() == 4 && slot >= MONITOR_SLOT_FIRST &&
                          slot < MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT;

        if ((entries[slot] & ENTRY_PRESENT) != 0 && !is_monitors &&
            slot != table_slot(SCRATCH, root_level())) {
            CALL(entry_set(root, slot, entries[slot]));
        }
    }
    return root;
}

void scenario_main(const struct start_page *start)
{
    uint64_t root = second_root();

    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    expect_no_trap("a store", byte_write, SCRATCH);
    EXPECT_CALL(hypercall_roots_set(frame_to_machine(root), 0), none);
    expect_page_fault("in the other space", byte_write, SCRATCH, PAGE_FAULT_WRITE);
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(root)), busy);
    EXPECT_CALL(hypercall_roots_set(start->kernel_root_frame, 0), none);
    expect_no_trap("back in the first one", byte_write, SCRATCH);
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(root)), none);
}
