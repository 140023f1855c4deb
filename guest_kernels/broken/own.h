/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is different for a kernel of each width: where it really runs, how its frames are
 * filled, and what the contract gives it in place of segments. Defined in own_64.c and own_32.c.
 */
#ifndef OWN_H
#define OWN_H

#include "trap.h"

extern const uint32_t own_code_selector; /* of kernel mode */

/* A state that begins a function on a stack in kernel mode, events masked. */
void own_state(struct trap_state *state, void (*function)(void), uintptr_t stack_top);

/* Where the contract says that the data of this virtual processor begin. */
uintptr_t own_record_address(void);
/* Makes a thread's segment that holds the word, and reads it through that segment. */
uint32_t own_thread_read(uint32_t word);

/* `pop` of a segment register: 64-bit kernels lose its base, 32-bit ones may not load theirs. */
int own_pop_unmodified(char *happened);
/* What a kernel that pushes a segment register wants to know. */
int own_push_modified(void);

extern const char own_record_form[];
extern const char own_thread_form[];
extern const char own_system_call_form[];
extern const char own_pop_why[];
extern const char own_pop_form[];
extern const char own_push_form[];

#endif
