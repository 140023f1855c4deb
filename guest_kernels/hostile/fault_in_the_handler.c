/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler of page faults faults itself, before it has done anything, until its stack is
 * used up.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_trap_in_delivery, 14,
               "A fault handler that faults runs out of stack, and the partition is stopped.");

static void handler_register(uint32_t vector, uintptr_t address)
{
    const struct trap_handler handler = {.vector = vector, .address = address};

    CALL(hypercall_trap_handlers_set(&handler, 1));
}

static void handler(void)
{
    *(volatile uint8_t *)(uintptr_t)UNMAPPED = 1;
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    handler_register(VECTOR_INVALID_OPCODE, (uintptr_t)handler);
    handler_register(VECTOR_PAGE_FAULT, (uintptr_t)handler);
    stack_trap(SCRATCH + PAGE_SIZE_BYTES);
}
