/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults of this kernel on purpose, for tests of failover and for demonstrations: it crashes, or
 * hangs, when it has begun so many requests.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdint.h>

/* 0: never. */
void fault_plan(uint64_t crash_after, uint64_t hang_after);

/* One more request is about to begin. */
void fault_request(void);

#endif
