/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that the monitor is to load one day: handlers, callbacks, stacks, bases.
 */
#include "shared/hostile.h"

HOSTILE("An address that is not canonical, or is the monitor's, is refused wherever it is kept.");

static const uint64_t addresses[] = {
    0x0000800000000000, 0x7fffffffffffffff, 0x8000000000000000,
    0xffff7fffffffffff, 0xffff800000000000, 0xffff87ffffffffff,
};

static void address_try(uint64_t address)
{
    const struct trap_handler handler = {.vector = VECTOR_PAGE_FAULT, .address = address};
    struct processor_context context = {.rip = address, .rsp = SCRATCH};

    EXPECT_CALL(hypercall_trap_handlers_set(&handler, 1), invalid_argument);
    EXPECT_CALL(hypercall_callback_set(CALLBACK_event, address), invalid_argument);
    EXPECT_CALL(hypercall_callback_set(CALLBACK_system_call, address), invalid_argument);
    EXPECT_CALL(hypercall_kernel_stack_set(address), invalid_argument);
    for (uint32_t base = 0; base < BASE_COUNT; base++) {
        EXPECT_CALL(hypercall_base_set((enum segment_base)base, address), invalid_argument);
    }
    EXPECT_CALL(hypercall_mapping_update(address & ~0xfffull, 0), invalid_argument);
    EXPECT_CALL(hypercall_translation_flush(address & ~0xfffull), invalid_argument);
    EXPECT_CALL(hypercall_processor_start(0, &context), wrong_state);
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        address_try(addresses[i]);
    }
}
