/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's addresses, from its first to its last: its state, its stacks, its code.
 */
#include "shared/hostile.h"

HOSTILE("Reading, writing and running the monitor's memory are page faults.");

static const uint64_t addresses[] = {
    0xffff800000000000, 0xffff800000100000, 0xffff800000200000, 0xffff800000300000,
    0xffff800000500000, 0xffff8000005f0000, 0xffff8000005f1000, 0xffff800000600000,
    0xffff800000800000, 0xffff807fffffffff, 0xffff838000000000, 0xffff87ffffffffff,
};

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        expect_page_fault("a load", byte_read, addresses[i], PAGE_FAULT_PRESENT);
        expect_page_fault("a store", byte_write, addresses[i],
                          PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
        expect_page_fault("running it", code_run, addresses[i],
                          PAGE_FAULT_PRESENT | PAGE_FAULT_FETCH);
    }
}
