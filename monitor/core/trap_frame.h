/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies on a guest's kernel stack during a trap, in either width; see trap_frame.c. */
#ifndef TRAP_FRAME_H
#define TRAP_FRAME_H

#include "trap.h"

/*
 * Writes the frame below the stack pointer on which the trap arrives. *address is where it
 * lies, or would lie: false when it could not be written.
 */
bool trap_frame_write(struct virtual_processor *record, const struct trap *trap, uint64_t *address);

/*
 * Reads the frame at the stack pointer, 32-bit ones widened; the registers that it holds in
 * one width only are as they are in the record in the other. False: not readable.
 */
bool trap_frame_read(const struct virtual_processor *record, struct trap_frame *frame,
                     uint64_t *rdx);

#endif
