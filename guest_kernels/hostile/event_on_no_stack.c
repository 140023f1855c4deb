/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event comes while the stack pointer is nowhere.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

SCENARIO_STOPS(STOP_trap_in_delivery, 0, "An event on an unmapped stack stops the partition.");

static void handler_register(uint32_t vector, uintptr_t address)
{
    const struct trap_handler handler = {.vector = vector, .address = address};

    CALL(hypercall_trap_handlers_set(&handler, 1));
}

void scenario_main(const struct start_page *start)
{
    volatile struct shared_page *shared = (void *)(uintptr_t)start_page->shared_pages_address;

    (void)start;
    (void)handler_register;
    CALL(hypercall_callback_set(CALLBACK_event, (uintptr_t)frame_landing));
    CALL(hypercall_timer_set((uint64_t)hypercall_time_get() + 20000));
    shared->events_masked = 0;
    stack_spin(UNMAPPED);
}
