/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode touches its kernel's memory, direct map, stack and given pages.
 */
#include "shared/hostile.h"

HOSTILE("Nothing of its kernel's is open to user mode, to read, write or run.");

static uint8_t secret[64];

static void page_try(uintptr_t address)
{
    struct trap_seen seen = {0};

    scenario_user(byte_read, address, &seen);
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == address, "read: vector %u",
           (unsigned)seen.vector);
    scenario_user(byte_write, address, &seen);
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == address, "write: vector %u",
           (unsigned)seen.vector);
    scenario_user(code_run, address, &seen);
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == address, "run: vector %u",
           (unsigned)seen.vector);
}

void scenario_main(const struct start_page *start)
{
    page_try((uintptr_t)secret);
    page_try((uintptr_t)start->direct_map_address);
    page_try((uintptr_t)start->stack_top_address - 64);
    page_try((uintptr_t)start->shared_pages_address);
    page_try((uintptr_t)start->hypercall_page_address);
}
