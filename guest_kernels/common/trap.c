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

void trap_functions_restore(void)
{
    struct trap_handler handlers[TRAP_VECTOR_LIMIT];
    const int system_calls = functions[VECTOR_SYSTEM_CALL] != 0;

    for (uint32_t vector = 0; vector < TRAP_VECTOR_LIMIT; vector++) {
        handlers[vector] = (struct trap_handler){
            .vector = vector,
            .flags = TRAP_MASK_EVENTS,
            .address = functions[vector] != 0 ? (uintptr_t)trap_entry : 0,
        };
    }
    CALL(hypercall_trap_handlers_set(handlers, TRAP_VECTOR_LIMIT));
    CALL(hypercall_callback_set(CALLBACK_system_call, system_calls ? (uintptr_t)trap_entry : 0));
}

struct trap_state *trap_dispatch(struct trap_state *state)
{
    uint64_t vector = state->frame.vector;

    CHECK(vector < TRAP_FUNCTION_COUNT && functions[vector] != 0);
    return functions[vector](state);
}
