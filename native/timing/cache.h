/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of a cache or a TLB: entries in order of their last use, so that the victim is the
 * last. Used by hierarchy.h, the front end and the shared cache; knows no address and no time
 * but what an entry carries.
 */
#ifndef TIMING_CACHE_H
#define TIMING_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>

/* An empty entry has tag 0; callers make tags that are not 0. */
struct cache_entry {
    uint64_t tag;
    uint64_t ready_cycle; /* when the line is there: a fetch may still be under way */
};

/* The entry of a tag, now the first of its set; NULL when there is none. */
static inline struct cache_entry *cache_find(struct cache_entry *set, uint32_t ways, uint64_t tag)
{
    if (set[0].tag == tag) {
        return &set[0];
    }
    for (uint32_t way = 1; way < ways; way++) {
        if (set[way].tag == tag) {
            struct cache_entry found = set[way];
            memmove(set + 1, set, way * sizeof *set);
            set[0] = found;
            return &set[0];
        }
    }
    return NULL;
}

/* Whether a tag is there, of which that is no use. */
static inline bool cache_has(const struct cache_entry *set, uint32_t ways, uint64_t tag)
{
    for (uint32_t way = 0; way < ways; way++) {
        if (set[way].tag == tag) {
            return true;
        }
    }
    return false;
}

/* Puts an entry first; returns the one that had to go. */
static inline struct cache_entry cache_insert(struct cache_entry *set, uint32_t ways, uint64_t tag,
                                              uint64_t ready_cycle)
{
    struct cache_entry victim = set[ways - 1];
    memmove(set + 1, set, (ways - 1) * sizeof *set);
    set[0] = (struct cache_entry){.tag = tag, .ready_cycle = ready_cycle};
    return victim;
}

static inline void cache_remove(struct cache_entry *set, uint32_t ways, uint64_t tag)
{
    for (uint32_t way = 0; way < ways; way++) {
        if (set[way].tag == tag) {
            memmove(set + way, set + way + 1, (ways - 1 - way) * sizeof *set);
            set[ways - 1] = (struct cache_entry){0};
            return;
        }
    }
}

#endif
