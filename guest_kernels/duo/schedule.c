/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns who runs and the switch from one process to another: registers, FPU and SSE,
 * FS base, address space. Knows nothing of why a process stopped.
 */
#include "schedule.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"
#include "start.h"

/* Below this the time could be over before the process has run one instruction. */
#define QUANTUM_LEAST_CYCLES 1000

struct process processes[PROCESS_COUNT];

static struct process *current; /* 0 before the first one and after the end of one */
static uint32_t next_index;     /* where the search for the next one begins */
static uint64_t quantum_cycles;
static uint64_t deadline_cycles;
static int turn_over;

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

/* An event may also interrupt the kernel, in the first instructions of a system call. */
static struct trap_state *event_arrived(struct trap_state *state)
{
    (void)events_deliver(state);
    return trap_from_user(state) ? schedule_resume(state) : state;
}

void schedule_start(uint64_t quantum)
{
    quantum_cycles = quantum;
    if (quantum != 0 && quantum < QUANTUM_LEAST_CYCLES) {
        quantum_cycles = QUANTUM_LEAST_CYCLES;
    }
    event_function_set(PORT_TIMER, timer_expired);
    trap_function_set(VECTOR_EVENT, event_arrived);
}

/* The last thing before the process runs, so that the switch itself costs it nothing. */
static void timer_arm(void)
{
    turn_over = 0;
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

static void switch_from(struct process *process, const struct trap_state *state)
{
    process->trap_state = *state;
    floating_save(&process->floating);
}

static void switch_to(const struct process *process)
{
    floating_restore(&process->floating);
    CALL(hypercall_base_set(BASE_fs, process->fs_base));
    CALL(hypercall_roots_set(start_page->kernel_root_frame, frame_to_machine(process->root)));
}

/* Its tables can only be taken apart when they are no longer the user root. */
static void bury(struct process *process)
{
    CALL(hypercall_roots_set(start_page->kernel_root_frame, 0));
    process_destroy(process);
    current = 0;
}

struct trap_state *schedule_resume(struct trap_state *state)
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
    if (next != current) {
        if (current != 0) {
            switch_from(current, state);
        }
        switch_to(next);
        current = next;
        state = &next->trap_state;
    }
    timer_arm();
    return state;
}
