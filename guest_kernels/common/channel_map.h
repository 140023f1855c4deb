/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel in the guest's own tables: finding what the view says of it, mapping it and letting go
 * of it. A channel lies in the direct map, at its guest-physical address. The control channel is
 * there from the start; every other is mapped when it is introduced, and unmapped when it is taken
 * away: who still maps one that is revoked, is stopped.
 */
#ifndef CHANNEL_MAP_H
#define CHANNEL_MAP_H

#include <stddef.h>

#include "start.h"

/* What the view says of this partition's end of a channel. */
struct channel_place {
    uint64_t address; /* guest-physical */
    uint64_t size_bytes;
    uint64_t machine_frame;
    uint32_t port; /* by which events leave and arrive; 0: none, this end polls */
    uint32_t writable;
};

/* The channel that begins at a guest-physical address; 0: this partition has none there. */
int channel_find(uint64_t address, struct channel_place *place);

/* The partition's own control channel, which is mapped already; 0: it has none. */
int channel_find_control(struct channel_place *place);

/* Where a mapped channel is. */
volatile void *channel_pointer(const struct channel_place *place);

/* Maps all of it, or nothing; negative: what the monitor answered. */
int64_t channel_map(const struct channel_place *place);
void channel_unmap(const struct channel_place *place);

#endif
