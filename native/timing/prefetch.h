/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prefetchers of the first data cache: which loads make a line come before it is asked for.
 * Called for every load by pipeline.c; knows addresses and the load's instruction, no caches.
 *
 * SOM E.2.5.4: an ascending access to very recently loaded data fetches the next line, and a load
 * instruction with a regular stride the line of its next load; loads only, within a page of 4 KiB,
 * not while many misses are in progress. What that leaves open is from:
 *   LIKWID     likwid-features(1): several loads of one line within a time limit; read
 *   SO         stackoverflow.com/questions/53517653: strides begin with the third miss; read
 *   AFTERIMAGE Chen, Pei, Carlson: AfterImage, ASPLOS 2023: 24 entries, named by the low 8 bits of
 *              the instruction's address, their replacement, a stride seen twice is believed;
 *              quoted from memory; that it goes by low bits, arXiv 2511.05110 has too
 *   DOWECK     Doweck: Inside Intel Core Microarchitecture and Smart Memory Access, 2006: no line
 *              is asked for twice in a row; quoted from memory
 * [A] marks what has no source.
 */
#ifndef TIMING_PREFETCH_H
#define TIMING_PREFETCH_H

#include "core.h"

#define STRIDE_BELIEVED 2u /* AFTERIMAGE, SO: seen so often in a row */
#define PREFETCH_LINE_BITS 6
#define PREFETCH_PAGE_BITS 12

/* The first load of an instruction, or one whose distance is another than before. */
void prefetch_train(struct timing_core *core, const struct timing_access *access,
                    uint64_t instruction_address, uint64_t cycle);
/* A line that lies so far from a load is to come, if it is of the same page. */
void prefetch_ask(struct timing_core *core, const struct timing_access *access,
                  int64_t distance_bytes, uint64_t *asked_line, uint64_t cycle);
/* Nothing is known of any load. */
void prefetch_forget(struct timing_core *core);

/* DOWECK: not again what was asked for last. */
static inline void prefetch_at(struct timing_core *core, const struct timing_access *access,
                               int64_t distance_bytes, uint64_t *asked_line, uint64_t cycle)
{
    uint64_t target = access->machine_address + (uint64_t)distance_bytes;
    if (*asked_line != (target >> PREFETCH_LINE_BITS) + 1) {
        prefetch_ask(core, access, distance_bytes, asked_line, cycle);
    }
}

static inline bool prefetch_same_line(uint64_t first, uint64_t second)
{
    return (first ^ second) >> PREFETCH_LINE_BITS == 0;
}

/* [A]: recent is the load before it in its page, whenever that was; pages share 16 places. */
static inline struct recent_load *prefetch_recent(struct prefetch_state *state, uint64_t address)
{
    uint64_t page = address >> PREFETCH_PAGE_BITS;
    return &state->recent[(page ^ page >> 4 ^ page >> 8) % RECENT_LIMIT];
}

static inline void prefetch_next_line(struct timing_core *core, const struct timing_access *access,
                                      uint64_t cycle)
{
    struct recent_load *recent = prefetch_recent(&core->state.memory.prefetch, access->address);
    uint64_t before = recent->address;
    recent->address = access->address;
    if (access->address > before && prefetch_same_line(access->address, before)) {
        prefetch_at(core, access, 1 << PREFETCH_LINE_BITS, &recent->asked_line, cycle);
    }
}

/* AFTERIMAGE: the victim is one without a mark; when all have one, only the last keeps it. */
static inline void prefetch_mark(struct prefetch_state *state, uint32_t place)
{
    state->used |= 1u << place;
    if (state->used == STRIDE_PLACES) {
        state->used = 1u << place;
    }
}

static inline void prefetch_stride(struct timing_core *core, const struct timing_access *access,
                                   uint64_t instruction_address, uint64_t cycle)
{
    struct prefetch_state *state = &core->state.memory.prefetch;
    uint32_t place = state->places[instruction_address & 0xff];
    struct stride_entry *entry = &state->strides[place];
    int64_t distance = (int64_t)(access->address - entry->address);
    if (distance == 0) {
        return; /* [A]: the same data again says nothing */
    }
    if (distance != entry->stride_bytes) {
        prefetch_train(core, access, instruction_address, cycle);
        return;
    }
    /* A stride that is known was seen once: now it is believed. */
    entry->address = access->address;
    entry->confidence = STRIDE_BELIEVED;
    prefetch_mark(state, place);
    if (!prefetch_same_line(access->address, access->address + (uint64_t)distance)) {
        prefetch_at(core, access, distance, &entry->asked_line, cycle);
    }
}

/* A load has its translation, and asks the cache in `cycle`. */
static inline void prefetch_after_load(struct timing_core *core, const struct timing_access *access,
                                       uint64_t instruction_address, uint64_t cycle)
{
    if (core->parameters->prefetches_next_line) {
        prefetch_next_line(core, access, cycle);
    }
    if (core->parameters->prefetches_strides) {
        prefetch_stride(core, access, instruction_address, cycle);
    }
}

#endif
