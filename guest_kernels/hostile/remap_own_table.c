/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mapping of a table through which the guest reads it is made writable.
 */
#include "shared/hostile.h"

HOSTILE("The mapping of a page table cannot become writable or executable.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);
    uintptr_t address = (uintptr_t)frame_pointer(table);

    (void)start;
    EXPECT_CALL(hypercall_mapping_update(address, entry_of(table, PAGE_WRITE)), type_conflict);
    EXPECT_CALL(hypercall_mapping_update(address, entry_of(table, PAGE_CODE)), type_conflict);
    expect_page_fault("a store", byte_write, address, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
}
