/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stores between their execution and the cache: forwarding to loads by machine address.
 * Called by core.c; knows no cache. Sources: FOG 11.14, SOM 3.6.4.
 */
#ifndef TIMING_STORE_QUEUE_H
#define TIMING_STORE_QUEUE_H

#include <stddef.h>

#include "core.h"
#include "hierarchy.h"

#define NEVER (~0ull)

static inline struct store_record *store_record(struct store_queue *queue, uint32_t index)
{
    return &queue->records[index % STORE_LIMIT];
}

/* Its data is there: loads that come after it in the program may take it. */
static inline void store_queue_data(struct store_queue *queue, const struct timing_access *access,
                                    uint64_t cycle)
{
    struct store_record *record = store_record(queue, queue->store_index);
    record->data_cycle = later(cycle, queue->address_cycle);
    record->commit_cycle = NEVER;
    record->first = 1;
    record->last = 0;
    if (access == NULL) {
        return;
    }
    record->first = access->machine_address;
    record->last = access->machine_address + access->size_bytes - 1;
    record->address = access->address;
    for (uint64_t word = record->first >> 3; word <= record->last >> 3; word++) {
        queue->latest[word % FORWARD_WORDS] = queue->store_index + 1;
    }
}

/* In program order, one a cycle, after retirement and when its line is there. */
static inline void store_queue_retire(struct timing_core *core, uint64_t retired)
{
    struct store_queue *queue = &core->state.stores;
    struct store_record *record = store_record(queue, queue->store_index);
    uint64_t commit = later(queue->commit_cycle + 1, retired + 1);
    if (record->first <= record->last) {
        commit = later(commit, hierarchy_store_line(core, record->first >> LINE_BITS, retired));
    }
    queue->commit_cycle = commit;
    record->commit_cycle = commit;
    queue->store_index++;
}

/* The youngest store before the load that overlaps it and is not yet in the cache. */
static inline const struct store_record *store_queue_find(struct store_queue *queue, uint64_t first,
                                                          uint64_t last, uint64_t dispatch)
{
    uint32_t index = 0;
    for (uint64_t word = first >> 3; word <= last >> 3; word++) {
        uint32_t latest = queue->latest[word % FORWARD_WORDS];
        index = latest > index ? latest : index;
    }
    for (; index > 0 && queue->store_index - index < STORE_LIMIT; index--) {
        const struct store_record *record = store_record(queue, index - 1);
        if (record->commit_cycle <= dispatch) {
            return NULL;
        }
        if (record->first <= last && record->last >= first) {
            return record;
        }
    }
    return NULL;
}

/*
 * When the load has its data. A store that covers it forwards; one that covers a part, or that
 * has another virtual address for the same bytes, must be in the cache first.
 */
static inline uint64_t store_queue_forward(struct timing_core *core,
                                           const struct timing_access *access, uint64_t dispatch,
                                           uint64_t done)
{
    uint64_t first = access->machine_address;
    uint64_t last = first + access->size_bytes - 1;
    const struct store_record *record =
        store_queue_find(&core->state.stores, first, last, dispatch);
    if (record == NULL) {
        return done;
    }
    bool covers = record->first <= first && record->last >= last &&
                  access->address - record->address == first - record->first;
    core_count_event(core, covers ? TIMING_EVENT_FORWARD : TIMING_EVENT_BLOCKED_FORWARD);
    return later(done, covers ? record->data_cycle + core->parameters->forward_cycles
                              : record->commit_cycle + core->parameters->blocked_forward_cycles);
}

#endif
