/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An instruction begins in a page that may be run, and ends in one that may not.
 */
#include "shared/hostile.h"

HOSTILE("An instruction whose end cannot be fetched faults with the page that is missing.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    const uintptr_t end = (uintptr_t)SCRATCH + PAGE_SIZE_BYTES;
    struct trap_seen seen = {0};

    (void)start;
    ((volatile uint8_t *)frame_pointer(frame))[PAGE_SIZE_BYTES - 1] = 0x0f;
    frame_make_read_only(frame);
    page_map(SCRATCH, frame, PAGE_CODE);
    for (uint32_t mapped = 0; mapped < 2; mapped++) {
        EXPECT(scenario_trap(code_run, end - 1, &seen), "it ran");
        EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == end &&
                   (seen.error_code & (PAGE_FAULT_FETCH | PAGE_FAULT_PRESENT)) ==
                       (PAGE_FAULT_FETCH | mapped),
               "vector %u, error code 0x%llx", (unsigned)seen.vector,
               (unsigned long long)seen.error_code);
        EXPECT(seen.code_address == end - 1, "it trapped elsewhere");
        page_map(end, frame, PAGE_READ);
    }
}
