/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpinning what was never pinned would drop somebody else's count.
 */
#include "shared/hostile.h"

HOSTILE("Only a pinned frame can be unpinned.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    EXPECT_CALL(hypercall_table_unpin(frame_to_machine(frame)), type_conflict);
    EXPECT_CALL(raw_call(HC_table_unpin, UINTPTR_MAX, 0, 0), not_owner);
    EXPECT_CALL(raw_call(HC_table_unpin, 0, 0, 0), not_owner);
    expect_no_trap("a store to the frame", byte_write, (uintptr_t)frame_pointer(frame));
}
