/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The roots that a virtual processor is registered with; see roots.c. */
#ifndef ROOTS_H
#define ROOTS_H

#include "state.h"

/* A pinned table of the partition's root level counts one use more. Undone by root_drop. */
enum error root_take(uint32_t partition, uint64_t frame);
void root_drop(uint64_t frame);

/* The record runs on these from its next load on; both are taken already. */
void roots_enter(struct virtual_processor *record, uint64_t kernel_frame, uint64_t user_frame);

/* What has to be loaded for the active mode: after the mode or a root has changed. */
void root_activate(struct virtual_processor *record);

/* Nothing runs any more on the roots that the record has. */
void roots_release(struct virtual_processor *record);

#endif
