/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running an engine that may fail, and replacing one that did; see engine_failure.c. */
#ifndef ENGINE_FAILURE_H
#define ENGINE_FAILURE_H

#include "machine.h"

enum engine_end { ENGINE_END_RESTED, ENGINE_END_FAILED, ENGINE_END_ABORTED };

/* Once a machine; later ones find it done. */
void engine_failure_prepare(void);

/* Runs from rip. FAILED: *error says why. ABORTED: the engine must be replaced. */
enum engine_end engine_start(struct engine *engine, uint64_t rip, uc_err *error);

/* The monitor has panicked, and was left by a jump out of a running engine. */
void engine_failure_disarm(void);

/* A fresh engine in its place, in the same state. */
int engine_replace(struct engine *engine);

#endif
