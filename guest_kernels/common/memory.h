/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's memory in frames. A frame number is guest-physical unless its name says
 * machine; page tables hold machine frames, everything else here is guest-physical.
 * Used by one virtual processor at a time: there is no lock.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "abi.h"

/* A frame or a run of frames, filled with zeros; ends the guest when memory is used up. */
uint64_t frame_allocate(void);
uint64_t frames_allocate(uint64_t count);
/* The frame must be writable in the direct map, and nowhere else in use. */
void frame_free(uint64_t frame);
uint64_t frames_free_count(void);

uint64_t frame_to_machine(uint64_t frame);
uint64_t frame_from_machine(uint64_t machine_frame);

/* The frame in the direct map of all memory. */
void *frame_pointer(uint64_t frame);

/* Before a frame becomes a table or code its direct mapping must be read-only. */
void frame_make_read_only(uint64_t frame);
void frame_make_writable(uint64_t frame);

#endif
