/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's code, state, stacks, tables and its frame table lie low in machine memory: the
 * guest tries frames all over them, and the one that is never used.
 */
#include "shared/hostile.h"

HOSTILE("No frame of the monitor's own can be mapped, read-only or writable.");

#define MONITOR_FIRST_FRAME 0x200u
#define MONITOR_LAST_FRAME 0x83fu
#define STRIDE 13u /* reaches each of its regions, and each page of none */

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, PAGE_READ), not_owner);
    for (uint64_t frame = MONITOR_FIRST_FRAME; frame <= MONITOR_LAST_FRAME; frame += STRIDE) {
        EXPECT_CALL(hypercall_mapping_update(SCRATCH, frame << PAGE_SHIFT | PAGE_READ), not_owner);
        EXPECT_CALL(hypercall_mapping_update(SCRATCH, frame << PAGE_SHIFT | PAGE_WRITE), not_owner);
    }
}
