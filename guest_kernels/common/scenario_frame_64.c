/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scenario sees of a 64-bit trap frame, and the first registers of its user mode.
 */
#include "bytes.h"
#include "processor.h"
#include "scenario_trap.h"
#include "trap.h"

/* Both are written by scenario_entry_64.S: the latest frame, and where to leave a function. */
struct trap_frame scenario_frame;
uint64_t scenario_stack;

void scenario_frame_read(struct trap_seen *seen)
{
    *seen = (struct trap_seen){
        .vector = scenario_frame.vector,
        .error_code = scenario_frame.error_code,
        .fault_address = scenario_frame.fault_address,
        .code_address = scenario_frame.rip,
        .stack_address = scenario_frame.rsp,
        .flags = scenario_frame.rflags,
        .state = scenario_frame.state,
        .result = scenario_frame.rax,
    };
}

/* The function finds its return address on the stack as if it had been called. */
void scenario_state_create(struct trap_state *state, scenario_function *function,
                           uintptr_t argument, void *stack_top)
{
    uint64_t *return_address = (uint64_t *)stack_top - 1;

    memset(state, 0, sizeof(*state));
    *return_address = (uintptr_t)scenario_user_return;
    trap_state_begin_user(state, (uintptr_t)function, SCENARIO_USER_STACK - sizeof(*return_address),
                          0);
    state->rdi = argument;
    if (processors[0].shared->events_masked != 0) {
        state->frame.state |= FRAME_STATE_EVENTS_MASKED;
    }
}
