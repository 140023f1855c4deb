/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls of user mode; the numbers are in user.h.
 */
#ifndef SYSTEM_CALL_H
#define SYSTEM_CALL_H

#include "trap.h"

/* The trap function of VECTOR_SYSTEM_CALL. */
struct trap_state *system_call_arrived(struct trap_state *state);

#endif
