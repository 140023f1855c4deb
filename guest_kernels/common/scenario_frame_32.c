/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scenario sees of a 32-bit trap frame, and the first registers of its user mode.
 */
#include "bytes.h"
#include "processor.h"
#include "scenario_trap.h"
#include "trap.h"

#define STACK_ALIGNMENT_BYTES 16

/* Both are written by scenario_entry_32.S: the latest frame, and where to leave a function. */
struct trap_frame_32 scenario_frame;
uint32_t scenario_stack;

void scenario_frame_read(struct trap_seen *seen)
{
    *seen = (struct trap_seen){
        .vector = scenario_frame.vector,
        .error_code = scenario_frame.error_code,
        .fault_address = scenario_frame.fault_address,
        .code_address = scenario_frame.eip,
        .stack_address = scenario_frame.esp,
        .flags = scenario_frame.eflags,
        .state = scenario_frame.state,
        .result = scenario_frame.eax,
    };
}

/* The function finds return address and argument on the stack as if it had been called. */
void scenario_state_create(struct trap_state *state, scenario_function *function,
                           uintptr_t argument, void *stack_top)
{
    uint32_t *arguments = (uint32_t *)stack_top - STACK_ALIGNMENT_BYTES / sizeof(uint32_t);
    uint32_t size_bytes = STACK_ALIGNMENT_BYTES + sizeof(uint32_t);

    memset(state, 0, sizeof(*state));
    arguments[0] = argument;
    arguments[-1] = (uintptr_t)scenario_user_return;
    trap_state_begin_user(state, (uintptr_t)function, SCENARIO_USER_STACK - size_bytes, 0);
    /* There is no thread: the segment that programs begin with does not exist. */
    state->gs = 0;
    if (processors[0].shared->events_masked != 0) {
        state->frame.state |= FRAME_STATE_EVENTS_MASKED;
    }
}
