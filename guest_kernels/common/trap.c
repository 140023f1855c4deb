/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the table of trap functions and their registration with the monitor. Which
 * registers a trap saves is known to trap_64.S alone.
 */
#include "trap.h"

#include "check.h"
#include "hypercall.h"

static trap_function *functions[TRAP_FUNCTION_COUNT];

void trap_function_set(uint32_t vector, trap_function *function)
{
    CHECK(vector < TRAP_FUNCTION_COUNT);
    functions[vector] = function;
    if (vector == VECTOR_EVENT) {
        CALL(hypercall_callback_set(CALLBACK_event, (uintptr_t)trap_entry));
    } else if (vector == VECTOR_SYSTEM_CALL) {
        CALL(hypercall_callback_set(CALLBACK_system_call, (uintptr_t)trap_entry));
    } else {
        const struct trap_handler handler = {
            .vector = vector,
            .flags = TRAP_MASK_EVENTS,
            .address = (uintptr_t)trap_entry,
        };

        CALL(hypercall_trap_handlers_set(&handler, 1));
    }
}

struct trap_state *trap_dispatch(struct trap_state *state)
{
    uint64_t vector = state->frame.vector;

    CHECK(vector < TRAP_FUNCTION_COUNT && functions[vector] != 0);
    return functions[vector](state);
}
