/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start page, the time page and the hypercall page are mapped for the guest to read.
 */
#include "shared/hostile.h"

HOSTILE("Pages that the monitor gave cannot be written, nor the time page be remapped.");

void scenario_main(const struct start_page *start)
{
    const uintptr_t pages[] = {(uintptr_t)start, (uintptr_t)start->time_page_address,
                               (uintptr_t)start->hypercall_page_address};
    uint64_t entry = space_entry(kernel_root(), start->time_page_address);

    for (uint32_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        expect_page_fault("a store to a given page", byte_write, pages[i],
                          PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
    }
    EXPECT_CALL(
        hypercall_mapping_update((uintptr_t)start->time_page_address, entry | ENTRY_WRITABLE),
        type_conflict);
    EXPECT_CALL(
        hypercall_mapping_update((uintptr_t)start->time_page_address, entry & ~ENTRY_NO_EXECUTE),
        type_conflict);
}
