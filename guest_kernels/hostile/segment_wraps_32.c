/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A segment that begins at the top of the address space, used beyond its end: 64-bit addresses
 * would be the monitor's.
 */
#include "shared/hostile.h"
#include "shared/frame.h"
#include "segment_32.h"

HOSTILE("An address of 32-bit code is never above 4 GiB, whatever its segment.");

#define INDEX 3
#define SELECTOR (SELECTOR_GUEST_FIRST + 8 * INDEX + RING_KERNEL)
#define BASE 0xfffff000u

/* ES is the segment only within: the compiler uses it too. */
static void segment_read(uintptr_t offset)
{
    __asm__ volatile("mov %0, %%es\n"
                     "movb %%es:(%1), %%al\n"
                     :
                     : "r"((uint32_t)SELECTOR), "r"(offset)
                     : "eax");
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};

    (void)start;
    EXPECT_CALL(hypercall_descriptor_set(INDEX, data_descriptor(BASE, RING_KERNEL)), none);
    EXPECT(scenario_trap(segment_read, 0x2000, &seen), "it read");
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == 0x1000, "address 0x%llx",
           (unsigned long long)seen.fault_address);
    EXPECT(scenario_trap(segment_read, 0xffffffff, &seen), "it read");
    EXPECT(seen.fault_address < 1ull << 32, "address 0x%llx",
           (unsigned long long)seen.fault_address);
}
