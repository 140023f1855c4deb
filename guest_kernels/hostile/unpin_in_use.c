/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table that a parent names, or that is an address space in use, would become ordinary
 * memory while the processor still walks it.
 */
#include "shared/hostile.h"

HOSTILE("A table with a parent and a root in use cannot be unpinned.");

void scenario_main(const struct start_page *start)
{
    uint64_t lower = table_make(1);
    uint64_t upper = table_make(2);

    EXPECT_CALL(entry_set(upper, 5, entry_of(lower, TABLE_LINK)), none);
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(lower)), busy);
    EXPECT_CALL(hypercall_table_unpin(start->kernel_root_frame), busy);
    EXPECT_CALL(entry_set(upper, 5, 0), none);
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(lower)), none);
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(upper)), none);
}
