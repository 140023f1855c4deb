/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads, stores and jumps into the hole of the address space.
 */
#include "shared/hostile.h"

HOSTILE("Using a non-canonical address is a protection fault.");

static const uint64_t addresses[] = {0x0000800000000000, 0x00ff800000000000, 0x7fffffffffffffff,
                                     0x8000000000000000, 0xffff7fffffffffff};

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        expect_trap("a load", byte_read, addresses[i], VECTOR_GENERAL_PROTECTION, 0);
        expect_trap("a store", byte_write, addresses[i], VECTOR_GENERAL_PROTECTION, 0);
        expect_trap("running it", code_run, addresses[i], VECTOR_GENERAL_PROTECTION, 0);
    }
}
