/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of scenario.h have in common: the way out of a function that ends in a
 * trap. Scenarios use scenario.h and never this.
 */
#ifndef SCENARIO_TRAP_H
#define SCENARIO_TRAP_H

#include "scenario.h"

struct trap_state;

/* In assembler: calls the function; 0 when it returns, 1 when scenario_entry is entered. */
int scenario_run(scenario_function *function, uintptr_t argument);

/* In assembler: where traps arrive. Leaves the monitor's frame in scenario_frame. */
void scenario_entry(void);

/* In assembler, for user mode: where a function returns to. */
void scenario_user_return(void);

/* By width: what the last trap left; the first registers of user mode, with its stack. */
void scenario_frame_read(struct trap_seen *seen);
void scenario_state_create(struct trap_state *state, scenario_function *function,
                           uintptr_t argument, void *stack_top);

#endif
