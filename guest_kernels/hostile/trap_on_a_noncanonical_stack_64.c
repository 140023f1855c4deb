/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stack pointer is in the hole of the address space when a trap comes.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_trap_in_delivery, 6, "A trap with a non-canonical stack stops the partition.");

static void handler_register(uint32_t vector, uintptr_t address)
{
    const struct trap_handler handler = {.vector = vector, .address = address};

    CALL(hypercall_trap_handlers_set(&handler, 1));
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    handler_register(VECTOR_INVALID_OPCODE, (uintptr_t)frame_landing);
    stack_trap(0x0000900000000000);
}
