/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One fault after the other, for a long time: each is delivered, and no other partition waits
 * for it.
 */
#include "shared/hostile.h"

HOSTILE("Hundreds of faults in a row are delivered one by one.");

#define FAULT_COUNT 300

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        uintptr_t address = UNMAPPED + i % 64 * PAGE_SIZE_BYTES;

        expect_page_fault("a store", byte_write, address, PAGE_FAULT_WRITE);
    }
}
