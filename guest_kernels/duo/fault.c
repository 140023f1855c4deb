/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what happens on an exception.
 */
#include "fault.h"

#include "check.h"
#include "console.h"
#include "schedule.h"

static void kill(struct process *process, const struct trap_state *state)
{
    process->state = PROCESS_KILLED;
    print("duo: %s is killed: vector %u, error code 0x%x, address 0x%llx\n", process->name,
          (unsigned)state->frame.vector, (unsigned)state->frame.error_code,
          (unsigned long long)state->frame.fault_address);
}

static struct trap_state *page_fault(struct trap_state *state)
{
    struct process *process = schedule_current();

    CHECK(trap_from_user(state));
    if (!process_page_in(process, state->frame.fault_address, state->frame.error_code)) {
        kill(process, state);
    }
    return schedule_resume(state);
}

static struct trap_state *other_fault(struct trap_state *state)
{
    CHECK(trap_from_user(state));
    kill(schedule_current(), state);
    return schedule_resume(state);
}

void faults_start(void)
{
    trap_function_set(VECTOR_PAGE_FAULT, page_fault);
    trap_function_set(VECTOR_DIVIDE_ERROR, other_fault);
    trap_function_set(VECTOR_INVALID_OPCODE, other_fault);
    trap_function_set(VECTOR_GENERAL_PROTECTION, other_fault);
}
