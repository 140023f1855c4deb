/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traps, events and system calls in C: one function a vector. Vectors 0 to 31 are
 * the processor's exceptions; VECTOR_EVENT and VECTOR_SYSTEM_CALL are the contract's.
 */
#ifndef TRAP_H
#define TRAP_H

#include <width.h>

#define TRAP_FUNCTION_COUNT (VECTOR_SYSTEM_CALL + 1)

#define VECTOR_DIVIDE_ERROR 0
#define VECTOR_INVALID_OPCODE 6
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT 14

/* Bits of a page fault's error code. */
#define PAGE_FAULT_PRESENT 0x1
#define PAGE_FAULT_WRITE 0x2
#define PAGE_FAULT_FETCH 0x10

/*
 * Runs with events masked and returns the state to resume: usually the one it got.
 * A system call is entered as its caller left the mask; the function masks by itself.
 */
typedef struct trap_state *trap_function(struct trap_state *state);

/* Exceptions: for the partition. Event and system call: for the calling virtual processor. */
void trap_function_set(uint32_t vector, trap_function *function);

/* Registers the functions of all exceptions and of system calls again; others have no handler. */
void trap_functions_restore(void);

/* Leaves the present stack for good and continues the state. */
_Noreturn void trap_resume(const struct trap_state *state);

static inline int trap_from_user(const struct trap_state *state)
{
    return (state->frame.state & FRAME_STATE_USER) != 0;
}

/* The entry in assembler, and what it calls. */
void trap_entry(void);
struct trap_state *trap_dispatch(struct trap_state *state);

#endif
