/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page is written, then made read-only: the processor may remember that it was writable.
 */
#include "shared/hostile.h"

HOSTILE("Rights that are taken away are gone at once: to write, and to execute.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    code_write(frame, 3);
    frame_make_read_only(frame);
    page_map(SCRATCH, frame, PAGE_WRITE);
    expect_no_trap("a store", byte_write, SCRATCH + 16);
    /* A frame gives up one type before it takes another. */
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(frame, PAGE_CODE)), type_conflict);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(frame, PAGE_READ)), none);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(frame, PAGE_CODE)), none);
    expect_page_fault("a store", byte_write, SCRATCH, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    expect_no_trap("running it", code_run, SCRATCH);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(frame, PAGE_READ)), none);
    expect_page_fault("running it", code_run, SCRATCH, PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH);
}
