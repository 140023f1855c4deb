/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User mode: an address space with a page of programs and a stack. */
#ifndef USER_MODE_H
#define USER_MODE_H

#include "trap.h"

void user_start(void);

/* A state of user mode at the beginning of a program; events are masked. */
void user_state(struct trap_state *state, void (*program)(void));

#endif
