/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The position of a processor in its cyclic map; see slots.c. */
#ifndef SLOTS_H
#define SLOTS_H

#include "state.h"

/*
 * Moves to the slot that holds `now` and returns the time, which an overshoot of
 * `previous`, who ran until now, sets back to the end of its slot. The map has slots.
 */
uint64_t slots_advance(struct processor *processor, const struct view_processor *map,
                       struct virtual_processor *previous, uint64_t now);

/* When the next slot begins in which somebody would run, all records staying as they are. */
uint64_t slots_next_use(const struct processor *processor, const struct view_processor *map);

/* All of the map may be chosen again. */
void slots_forget_yields(const struct view_processor *map);

/* Those who yielded in donated time may have another turn in the same slot. */
void slots_forgive_yields(const struct view_processor *map);

#endif
