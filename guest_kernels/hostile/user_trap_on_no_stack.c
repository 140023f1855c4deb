/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode traps while its kernel has given a stack that is not mapped.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_trap_in_delivery, 14,
               "A trap of user mode on an unmapped kernel stack stops the partition.");

static void handler_register(uint32_t vector, uintptr_t address)
{
    const struct trap_handler handler = {.vector = vector, .address = address};

    CALL(hypercall_trap_handlers_set(&handler, 1));
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen;

    (void)start;
    (void)handler_register;
    (void)scenario_user_root();
    CALL(hypercall_kernel_stack_set(UNMAPPED));
    scenario_user(byte_read, UNMAPPED, &seen);
}
