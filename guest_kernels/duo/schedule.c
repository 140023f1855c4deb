/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns who runs and the switch from one process to another: registers, FPU and SSE,
 * thread's segment, address space. Knows nothing of why a process stopped.
 */
#include "schedule.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "tables.h"

struct process processes[PROCESS_COUNT];

static struct process *current; /* 0 before the first one and after the end of one */
static uint32_t next_index;     /* where the search for the next one begins */
static uint64_t quantum_cycles;
static uint64_t deadline_cycles;
static int turn_over;
static int has_trapped; /* since the turn began: a fault or a system call is progress, too */

struct process *schedule_current(void)
{
    return current;
}

void schedule_yield(void)
{
    turn_over = 1;
}

/*
 * The event may be left over from an earlier deadline that passed while the kernel
 * was switching; were it believed, short quanta would switch for ever and run nobody.
 */
static void timer_expired(uint32_t port)
{
    CHECK(port == PORT_TIMER);
    if ((uint64_t)CALL(hypercall_time_get()) >= deadline_cycles) {
        turn_over = 1;
    } else {
        CALL(hypercall_timer_set(deadline_cycles));
    }
}

/* The last thing before the process runs, so that the switch itself costs it nothing. */
static void timer_arm(void)
{
    turn_over = 0;
    has_trapped = 0;
    if (quantum_cycles != 0) {
        deadline_cycles = (uint64_t)CALL(hypercall_time_get()) + quantum_cycles;
        CALL(hypercall_timer_set(deadline_cycles));
    }
}

static struct process *next_runnable(void)
{
    for (uint32_t i = 0; i < PROCESS_COUNT; i++) {
        struct process *process = &processes[(next_index + i) % PROCESS_COUNT];

        if (process->state == PROCESS_RUNNABLE) {
            next_index = process->id + 1;
            return process;
        }
    }
    return 0;
}

static void switch_to(const struct process *process)
{
    floating_restore(&process->floating);
    CALL(thread_base_set(process->thread_base));
    CALL(space_enter(process->root));
}

/* Its tables can only be taken apart when they are no longer in use. */
static void bury(struct process *process)
{
    CALL(space_leave());
    process_destroy(process);
    current = 0;
}

static struct trap_state *resume(struct trap_state *state)
{
    struct process *next;

    if (current != 0 && current->state != PROCESS_RUNNABLE) {
        bury(current);
    } else if (current != 0 && !turn_over) {
        return state;
    }
    next = next_runnable();
    if (next == 0) {
        schedule_finished();
    }
    if (current != 0) {
        current->trap_state = *state;
    }
    if (next != current) {
        if (current != 0) {
            floating_save(&current->floating);
        }
        switch_to(next);
        current = next;
        state = &next->trap_state;
    }
    timer_arm();
    return state;
}

struct trap_state *schedule_resume(struct trap_state *state)
{
    has_trapped = 1;
    return resume(state);
}

/* Whether the current process has got nothing done since its turn began. */
static int is_unmoved(const struct trap_state *state)
{
    const struct trap_state *begin = &current->trap_state;

    return !has_trapped && trap_address(state) == trap_address(begin) &&
           memcmp(state, begin, offsetof(struct trap_state, frame.vector)) == 0;
}

/*
 * An event may also interrupt the kernel, in the first instructions of a system call.
 * How long the way back to user mode takes depends on the clock; a quantum that is
 * over before its end is too short and grows, or nobody would ever get on.
 */
static struct trap_state *event_arrived(struct trap_state *state)
{
    (void)events_deliver(state);
    if (!trap_from_user(state)) {
        return state;
    }
    if (turn_over && is_unmoved(state)) {
        quantum_cycles *= 2;
    }
    return resume(state);
}

void schedule_start(uint64_t quantum)
{
    quantum_cycles = quantum;
    event_function_set(PORT_TIMER, timer_expired);
    trap_function_set(VECTOR_EVENT, event_arrived);
}
