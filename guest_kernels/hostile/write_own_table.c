/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page table is mapped for its guest to read; a store to it is the oldest attack of all.
 */
#include "shared/hostile.h"

HOSTILE("A store to an own page table is a page fault.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);
    uintptr_t address = (uintptr_t)frame_pointer(table);

    (void)start;
    expect_no_trap("reading it", byte_read, address);
    expect_page_fault("a store to a table", byte_write, address,
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    address = (uintptr_t)frame_pointer(kernel_root());
    expect_page_fault("a store to the root", byte_write, address,
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
}
