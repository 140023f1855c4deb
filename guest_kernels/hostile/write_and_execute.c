/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page that is writable and executable at once, or one after the other without giving up the
 * first.
 */
#include "shared/hostile.h"

HOSTILE("No page is writable and executable, by one mapping or by two.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uint64_t both = ENTRY_PRESENT | ENTRY_USER | ENTRY_WRITABLE;

    (void)start;
    page_map(SCRATCH, frame, PAGE_READ);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(frame, both)), type_conflict);
    /* The direct map still has it writable. */
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(frame, PAGE_CODE)), type_conflict);
    expect_page_fault("running data", code_run, (uintptr_t)frame_pointer(frame),
                      PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH);
}
