/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table is mapped a second time, elsewhere.
 */
#include "shared/hostile.h"

HOSTILE("A second mapping of a page table can be read and never written.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(1);

    (void)start;
    page_map(SCRATCH, table, PAGE_READ);
    expect_no_trap("reading it", byte_read, SCRATCH);
    expect_page_fault("a store", byte_write, SCRATCH, PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    EXPECT_CALL(
        entry_set(table_over(SCRATCH, 1), table_slot(SCRATCH, 1), entry_of(table, PAGE_WRITE)),
        type_conflict);
    EXPECT_CALL(hypercall_mapping_update(SCRATCH, entry_of(table, PAGE_WRITE)), type_conflict);
}
