/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process runs: in turn, changed by yield, by the end of one, and by the timer.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "process.h"

#define PROCESS_COUNT ROLE_COUNT

extern struct process processes[PROCESS_COUNT];

/* The quantum in cycles; 0: nobody is preempted. */
void schedule_start(uint64_t quantum_cycles);

struct process *schedule_current(void);

/* The one that runs gives up the rest of its quantum. */
void schedule_yield(void);

/*
 * The last step of every trap from user mode: the state to resume. Changes the
 * process if the quantum is over or the current one cannot go on; does not return
 * when there is none left.
 */
struct trap_state *schedule_resume(struct trap_state *state);

/* Called once, when no process is left. */
_Noreturn void schedule_finished(void);

#endif
