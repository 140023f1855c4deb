/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handlers of vectors that do not exist, or with flags that mean nothing, behind good ones.
 */
#include "shared/hostile.h"

HOSTILE("A list of handlers with one bad one registers none.");

static void handler_never(void)
{
    scenario_failure("a handler that was refused was entered");
}

INSTRUCTION(ud2, "ud2")

void scenario_main(const struct start_page *start)
{
    struct trap_handler handlers[2] = {
        {.vector = VECTOR_INVALID_OPCODE, .address = (uintptr_t)handler_never},
        {.vector = TRAP_VECTOR_LIMIT, .address = (uintptr_t)handler_never},
    };

    (void)start;
    EXPECT_CALL(hypercall_trap_handlers_set(handlers, 2), invalid_argument);
    handlers[1].vector = UINT32_MAX;
    EXPECT_CALL(hypercall_trap_handlers_set(handlers, 2), invalid_argument);
    handlers[1].vector = VECTOR_PAGE_FAULT;
    for (uint32_t bit = 2; bit < 32; bit++) {
        handlers[1].flags = 1u << bit;
        EXPECT_CALL(hypercall_trap_handlers_set(handlers, 2), invalid_argument);
    }
    expect_trap("ud2", instruction_ud2, 0, VECTOR_INVALID_OPCODE, 0);
}
