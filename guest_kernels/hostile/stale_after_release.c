/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame is used, unmapped and given up; then the old address again.
 */
#include "shared/hostile.h"

HOSTILE("A released frame cannot be reached by the address it had.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    uintptr_t address = (uintptr_t)frame_pointer(frame);

    (void)start;
    expect_no_trap("a store", byte_write, address);
    EXPECT_CALL(hypercall_frames_release(frame_to_machine(frame), 1), busy);
    CALL(hypercall_mapping_update(address, 0));
    EXPECT_CALL(hypercall_frames_release(frame_to_machine(frame), 1), none);
    expect_page_fault("a store", byte_write, address, PAGE_FAULT_WRITE);
    expect_page_fault("a load", byte_read, address, 0);
}
