/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sixteen slots of every level-4 table are the monitor's; whoever writes them maps the monitor
 * away, or in.
 */
#include "shared/hostile.h"

HOSTILE("The monitor's slots of a root can be neither updated nor filled before a pin.");

void scenario_main(const struct start_page *start)
{
    uint64_t lower = table_make(3);
    uint64_t root = frame_allocate();
    uint64_t *entries = frame_pointer(root);

    (void)start;
    for (uint32_t slot = 0; slot < MONITOR_SLOT_COUNT; slot++) {
        EXPECT_CALL(
            entry_set(kernel_root(), MONITOR_SLOT_FIRST + slot, entry_of(lower, TABLE_LINK)),
            invalid_argument);
        EXPECT_CALL(entry_set(kernel_root(), MONITOR_SLOT_FIRST + slot, 0), invalid_argument);
        frame_make_writable(root);
        entries[MONITOR_SLOT_FIRST + slot] = 2; /* not even present */
        frame_make_read_only(root);
        EXPECT_CALL(hypercall_table_pin(frame_to_machine(root), 4), invalid_argument);
        frame_make_writable(root);
        entries[MONITOR_SLOT_FIRST + slot] = 0;
    }
    EXPECT_CALL(hypercall_mapping_update((uintptr_t)MONITOR_SLOT_FIRST << 39 | 0xffffull << 48, 0),
                invalid_argument);
}
