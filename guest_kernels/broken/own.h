/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is different for a kernel of each width: where it really runs, and how its frames are
 * filled. Defined in own_64.c and own_32.c.
 */
#ifndef OWN_H
#define OWN_H

#include "trap.h"

extern const uint32_t own_code_selector; /* of kernel mode */

/* `pop` of a segment register: 64-bit kernels lose its base, 32-bit ones may not load theirs. */
int own_pop_unmodified(char *happened);
extern const char own_pop_why[];

/* Where the contract says that the data of this virtual processor begin. */
uintptr_t own_record_base(void);
/* Makes FS a thread's segment that holds the word, and reads it through FS. */
uint32_t own_thread_read(uint32_t word);
/* Whether the contract still says where that segment begins. */
int own_thread_base_is_known(void);

/* A state that begins a function on a stack, in kernel or in user mode, events masked. */
void own_state(struct trap_state *state, void (*function)(void), uintptr_t stack_top, int user);
uint32_t own_system_call_number(const struct trap_state *state);

#endif
