/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns of processes: the shell hands the processor to one, and has it back when its quantum is
 * over, an event has come, or the process has yielded, exited or been killed. Stands for the
 * schedule of `duo`, whose processes and system calls these are.
 */
#ifndef TURN_H
#define TURN_H

#include "../duo/process.h"

/* After events_start: from here on, traps of user mode are known. */
void turns_start(void);

/* One turn; what the process is afterwards, its state says. */
void turn_give(struct process *process);

#endif
