/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a model of the machine adds around a switch: tags of address spaces, roots that nobody
 * executed, barriers. Called by core.c for the transitions of a model; knows no partition and
 * no monitor but by numbers and addresses.
 */
#ifndef TIMING_SWITCHING_H
#define TIMING_SWITCHING_H

#include "core.h"

/* From TIMING_TRANSITION_ENTRY_ROOT on: what it takes, all stores before it done. */
uint64_t switching_cycles(const struct timing_core *core, uint32_t transition);
/* From TIMING_TRANSITION_ROOT on: what it does to what the core remembers. */
void switching_apply(struct timing_core *core, uint32_t transition, uint64_t value);
/* A page of the space in force was dropped: what others of its owner hold is stale. */
void switching_note_page(struct timing_core *core);

#endif
