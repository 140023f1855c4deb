/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stores between their execution and the cache: forwarding to loads by machine address.
 * Called by core.c; knows no cache. Sources: FOG 11.14, SOM 3.6.4.
 */
#ifndef TIMING_STORE_QUEUE_H
#define TIMING_STORE_QUEUE_H

#include "core.h"
#include "front_end.h"
#include "timing.h"

#define NEVER (~0ull)

static inline struct forward_entry *forward_entry(struct store_queue *queue, uint64_t word)
{
    return &queue->forward[word % FORWARD_SETS];
}

/* Its data is there: loads that come after it in the program may take it. */
static inline void store_queue_data(struct store_queue *queue, const struct timing_access *access,
                                    uint64_t cycle)
{
    if (access == NULL) {
        return;
    }
    uint64_t first = access->machine_address;
    uint64_t last = first + access->size_bytes - 1;
    for (uint64_t word = first >> 3; word <= last >> 3; word++) {
        *forward_entry(queue, word) =
            (struct forward_entry){.first = first, .last = last, .data_cycle = cycle,
                                   .commit_cycle = NEVER};
    }
}

/* In program order, one a cycle, after retirement. */
static inline void store_queue_retire(struct store_queue *queue,
                                      const struct timing_parameters *core, uint32_t flags,
                                      uint64_t retired)
{
    (void)core;
    if ((flags & UOP_STORE_DATA) != 0) {
        queue->commit_cycle = later(queue->commit_cycle + 1, retired);
    }
}

static inline uint64_t store_queue_forward(struct store_queue *queue,
                                           const struct timing_parameters *core,
                                           const struct timing_access *access, uint64_t dispatch,
                                           uint64_t latency)
{
    uint64_t first = access->machine_address;
    uint64_t last = first + access->size_bytes - 1;
    uint64_t done = dispatch + latency;
    for (uint64_t word = first >> 3; word <= last >> 3; word++) {
        const struct forward_entry *entry = forward_entry(queue, word);
        if (entry->last < first || entry->first > last || entry->commit_cycle <= dispatch) {
            continue;
        }
        bool covers = entry->first <= first && entry->last >= last;
        uint64_t cycles = covers ? core->forward_cycles : core->blocked_forward_cycles;
        done = later(done, entry->data_cycle + cycles);
    }
    return done;
}

#endif
