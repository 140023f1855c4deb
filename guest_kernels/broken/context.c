/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns the one state that everything comes back to; see context.h. */
#include "context.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "own.h"
#include "programs.h"
#include "user_mode.h"

#define STACK_SIZE_BYTES 4096

static uint8_t kernel_stack[STACK_SIZE_BYTES] __attribute__((aligned(16)));
static uint8_t other_stack[STACK_SIZE_BYTES] __attribute__((aligned(16)));

static struct trap_state back; /* where traps go on, events masked */
static struct trap_state away;
static struct arrival last;
static volatile uintptr_t seen_stack;

static struct trap_state *arrive(struct trap_state *state)
{
    last = (struct arrival){
        .vector = (uint32_t)state->frame.vector,
        .error_code = (uint32_t)state->frame.error_code,
        .number = (uint32_t)system_call_number(state),
        .from_user = trap_from_user(state),
    };
    return &back;
}

static struct trap_state *arrive_system_call(struct trap_state *state)
{
    events_mask();
    return arrive(state);
}

void context_start(void)
{
    trap_function_set(VECTOR_INVALID_OPCODE, arrive);
    trap_function_set(VECTOR_GENERAL_PROTECTION, arrive);
    trap_function_set(VECTOR_PAGE_FAULT, arrive);
    trap_function_set(VECTOR_SYSTEM_CALL, arrive_system_call);
    CALL(hypercall_kernel_stack_set((uintptr_t)kernel_stack + sizeof(kernel_stack)));
    user_start();
}

struct arrival context_try(tried_function *function, uintptr_t argument)
{
    last = (struct arrival){.vector = NO_ARRIVAL};
    back.frame.state = FRAME_STATE_EVENTS_MASKED;
    if (context_save(&back) == 0) {
        function(argument);
    }
    return last;
}

static void undefined(uintptr_t unused)
{
    (void)unused;
    program_undefined();
}

struct arrival context_trap(void)
{
    return context_try(undefined, 0);
}

struct arrival context_run_user(void (*program)(void))
{
    last = (struct arrival){.vector = NO_ARRIVAL};
    back.frame.state = FRAME_STATE_EVENTS_MASKED;
    if (context_save(&back) == 0) {
        user_state(&away, program);
        trap_resume(&away);
    }
    return last;
}

static void see_stack(void)
{
    uint8_t here;

    seen_stack = (uintptr_t)&here;
    trap_resume(&back);
}

int context_changes_stack(void)
{
    seen_stack = 0;
    back.frame.state = FRAME_STATE_EVENTS_MASKED;
    if (context_save(&back) == 0) {
        own_state(&away, see_stack, (uintptr_t)other_stack + sizeof(other_stack));
        trap_resume(&away);
    }
    return seen_stack - (uintptr_t)other_stack < sizeof(other_stack);
}

void context_mask_events(void)
{
    back.frame.state = FRAME_STATE_EVENTS_MASKED;
    if (context_save(&back) == 0) {
        trap_resume(&back);
    }
}
