/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serving end of a channel of data: makes the channel that a client then attaches to, with
 * queue 0 from the client to the server and queue 1 back.
 */
#ifndef CHANNEL_SERVER_H
#define CHANNEL_SERVER_H

#include <stdint.h>

#include "channel.h"

struct channel_design {
    struct guid type;
    uint32_t version;
    uint32_t signal_size_bytes;
    uint32_t slot_count; /* of each of the two queues */
    uint64_t size_bytes; /* of the whole channel */
};

/*
 * Writes the type last: until then there is no channel. The client's system may take the channel
 * at once. Returns 0 when the queues do not fit; then nothing was written.
 */
int channel_build(volatile void *memory, const struct channel_design *design);

#endif
