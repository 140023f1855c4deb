/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The roots that a virtual processor is registered with; see roots.c. */
#ifndef ROOTS_H
#define ROOTS_H

#include "state.h"

/* A pinned level-4 table of the partition counts one use more. Undone by root_drop. */
enum error root_take(uint32_t partition, uint64_t frame);
void root_drop(uint64_t frame);

/* Nothing runs on the record's roots any more. */
void roots_release(struct virtual_processor *record);

#endif
