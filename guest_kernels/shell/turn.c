/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the way into user mode and back to where the shell was: traps arrive on a stack of their
 * own, so that the shell's stays as it is meanwhile.
 */
#include "turn.h"

#include "../duo/schedule.h"
#include "../duo/system_call.h"
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "tables.h"

#define QUANTUM_CYCLES 100000u
#define KERNEL_STACK_SIZE_BYTES 16384

static uint8_t kernel_stack[KERNEL_STACK_SIZE_BYTES] __attribute__((aligned(16)));
static struct process *current;
static int turn_over;
static void *shell_context[5]; /* as the compiler keeps it */

struct process *schedule_current(void)
{
    return current;
}

void schedule_yield(void)
{
    turn_over = 1;
}

_Noreturn static void turn_end(const struct trap_state *state)
{
    current->trap_state = *state;
    floating_save(&current->floating);
    __builtin_longjmp(shell_context, 1);
}

struct trap_state *schedule_resume(struct trap_state *state)
{
    if (turn_over || current->state != PROCESS_RUNNABLE) {
        turn_end(state);
    }
    return state;
}

/* Also in the first instructions of a system call, whose end is then the turn's. */
static struct trap_state *event_arrived(struct trap_state *state)
{
    (void)events_deliver(state);
    turn_over = 1;
    return trap_from_user(state) ? schedule_resume(state) : state;
}

static struct trap_state *fault(struct trap_state *state)
{
    CHECK(trap_from_user(state));
    if (state->frame.vector == VECTOR_PAGE_FAULT &&
        process_page_in(current, state->frame.fault_address, state->frame.error_code)) {
        return schedule_resume(state);
    }
    current->state = PROCESS_KILLED;
    print("%s: killed: vector %u, error code 0x%x, address 0x%llx\n", current->name,
          (unsigned)state->frame.vector, (unsigned)state->frame.error_code,
          (unsigned long long)state->frame.fault_address);
    return schedule_resume(state);
}

void turns_start(void)
{
    trap_function_set(VECTOR_EVENT, event_arrived);
    trap_function_set(VECTOR_SYSTEM_CALL, system_call_arrived);
    trap_function_set(VECTOR_PAGE_FAULT, fault);
    trap_function_set(VECTOR_DIVIDE_ERROR, fault);
    trap_function_set(VECTOR_INVALID_OPCODE, fault);
    trap_function_set(VECTOR_GENERAL_PROTECTION, fault);
    CALL(hypercall_kernel_stack_set((uintptr_t)kernel_stack + sizeof(kernel_stack)));
}

void turn_give(struct process *process)
{
    current = process;
    turn_over = 0;
    floating_restore(&process->floating);
    CALL(thread_base_set(process->thread_base));
    CALL(space_enter(process->root));
    if (__builtin_setjmp(shell_context) == 0) {
        CALL(hypercall_timer_set((uint64_t)CALL(hypercall_time_get()) + QUANTUM_CYCLES));
        trap_resume(&current->trap_state);
    }
    CALL(space_leave());
    current = 0;
}
