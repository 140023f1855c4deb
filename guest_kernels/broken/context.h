/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Going on elsewhere: from a fault back to where an instruction was tried, to another stack, to
 * user mode and back. All of it by the call `iret`, which trap_resume makes. What differs
 * between the widths is in context_WIDTH.S.
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "trap.h"

/* How the last trap came about. */
struct arrival {
    uint32_t vector; /* NO_ARRIVAL: none */
    uint32_t error_code;
    uint32_t number; /* of a system call */
    int from_user;
};

#define NO_ARRIVAL UINT32_MAX

typedef void tried_function(uintptr_t argument);

/* Registers traps and system calls, and prepares user mode. */
void context_start(void);

/* Runs the function up to its fault, if any. */
struct arrival context_try(tried_function *function, uintptr_t argument);

/* Executes an undefined instruction. */
struct arrival context_trap(void);

/* Runs a program in user mode up to its first trap or system call. */
struct arrival context_run_user(void (*program)(void));

/* Whether a function that the call `iret` begins on another stack finds itself there. */
int context_changes_stack(void);

/* Goes on as before, but with events masked by the frame that is returned through. */
void context_mask_events(void);

/* A state to go on with: 0 when it is saved, 1 when it is resumed. The mask is the caller's. */
int context_save(struct trap_state *state) __attribute__((returns_twice));

#endif
