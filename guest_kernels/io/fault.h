/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults of this kernel on purpose, for tests of failover and for demonstrations: it crashes,
 * hangs, or breaks its device by a wrong request, when it has begun so many, or when it is told
 * so at its console: `crash`, `hang` or `break`, a line each; or it writes to what it shares with
 * others: `poke`, as poke.h says.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdint.h>

/* Each 0: never. */
void fault_plan(uint64_t crash_after, uint64_t hang_after, uint64_t break_after);

/* Events of the console are heard from now on. */
void fault_listen(void);

/* One more request is about to begin: whether its device is to be broken, once. */
int fault_request(void);

#endif
