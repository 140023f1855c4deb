/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of 64 bits in structures that 32-bit guests share with 64-bit ones.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("An address above 4 GiB is refused for a 32-bit handler.");

void scenario_main(const struct start_page *start)
{
    struct trap_handler handler = {.vector = VECTOR_PAGE_FAULT, .address = 1ull << 32};

    (void)start;
    EXPECT_CALL(hypercall_trap_handlers_set(&handler, 1), invalid_argument);
    handler.address = 1ull << 32 | (uintptr_t)frame_landing;
    EXPECT_CALL(hypercall_trap_handlers_set(&handler, 1), invalid_argument);
    handler.address = 0xffff800000200000;
    EXPECT_CALL(hypercall_trap_handlers_set(&handler, 1), invalid_argument);
    handler.address = ~0ull;
    EXPECT_CALL(hypercall_trap_handlers_set(&handler, 1), invalid_argument);
}
