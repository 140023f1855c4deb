/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last cache, and who has which line. Called by hierarchy.h on a miss of a processor's own
 * caches; reaches into the caches of others only to take a line away.
 */
#ifndef TIMING_SHARED_H
#define TIMING_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "core.h"

/*
 * When the line is there; `*exclusive` says whether no other processor has it. `core` is the
 * one that asks; without a shared cache there is memory only, and no other processor.
 */
uint64_t shared_fetch(struct timing_core *core, uint64_t line, uint64_t cycle, bool is_write,
                      bool *exclusive);
/* All lines leave: what other processors have of them is theirs alone from then on. */
void shared_forget(struct timing_core *core);
/* A processor writes a line that it has, but not alone. */
uint64_t shared_upgrade(struct timing_core *core, uint64_t line, uint64_t cycle);

#endif
