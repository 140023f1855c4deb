/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame fits the stack's last page but for its first half.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_trap_in_delivery, 6,
               "A trap whose frame runs into an unmapped page stops the partition.");

static void handler_register(uint32_t vector, uintptr_t address)
{
    const struct trap_handler handler = {.vector = vector, .address = address};

    CALL(hypercall_trap_handlers_set(&handler, 1));
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    handler_register(VECTOR_INVALID_OPCODE, (uintptr_t)frame_landing);
    stack_trap(SCRATCH + 16);
}
