/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handlers lie where nothing is mapped: entering one faults, and so does entering that
 * one.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_trap_in_delivery, 14,
               "A handler that cannot be fetched runs out of stack, and the partition is stopped.");

static void handler_register(uint32_t vector, uintptr_t address)
{
    const struct trap_handler handler = {.vector = vector, .address = address};

    CALL(hypercall_trap_handlers_set(&handler, 1));
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    handler_register(VECTOR_INVALID_OPCODE, UNMAPPED);
    handler_register(VECTOR_PAGE_FAULT, UNMAPPED);
    stack_trap(SCRATCH + PAGE_SIZE_BYTES);
}
