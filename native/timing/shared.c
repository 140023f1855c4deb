/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last cache: see shared.h. It holds every line that passes through it, with the set of
 * processors that fetched it and the one that wrote it last: a simple directory. Processors
 * drop lines without telling, so the directory may name one too many: that costs, and
 * corrects itself.
 */
#include "shared.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "hierarchy.h"

#define PROCESSOR_LIMIT 8u
#define NO_WRITER 255u

struct shared_line {
    uint8_t processors; /* a bit each */
    uint8_t writer;
};

struct timing_shared {
    const struct timing_parameters *parameters;
    struct timing_core *cores[PROCESSOR_LIMIT];
    uint32_t core_count;
    struct cache_entry entries[]; /* set by set; ready_cycle holds a shared_line */
};

static size_t entries_size_bytes(const struct timing_parameters *parameters)
{
    const struct cache_parameters *cache = &parameters->shared_cache;
    return (size_t)cache->sets * cache->ways * sizeof(struct cache_entry);
}

struct timing_shared *timing_shared_open(const struct timing_parameters *parameters)
{
    struct timing_shared *shared = calloc(1, sizeof *shared + entries_size_bytes(parameters));
    if (shared != NULL) {
        shared->parameters = parameters;
    }
    return shared;
}

void timing_shared_close(struct timing_shared *shared)
{
    free(shared);
}

int timing_shared_attach(struct timing_shared *shared, struct timing_core *core)
{
    if (shared->core_count == PROCESSOR_LIMIT) {
        return NATIVE_LIMIT;
    }
    core->shared = shared;
    core->number = shared->core_count;
    shared->cores[shared->core_count++] = core;
    return 0;
}

void *timing_shared_state(struct timing_shared *shared, uint64_t *size_bytes)
{
    *size_bytes = entries_size_bytes(shared->parameters);
    return shared->entries;
}

void shared_forget(struct timing_core *core)
{
    if (core->shared != NULL) {
        memset(core->shared->entries, 0, entries_size_bytes(core->shared->parameters));
    }
}

static uint64_t pack(struct shared_line line)
{
    return (uint64_t)line.processors | (uint64_t)line.writer << 8;
}

static struct shared_line unpack(uint64_t value)
{
    return (struct shared_line){.processors = (uint8_t)value, .writer = (uint8_t)(value >> 8)};
}

static void take_away(struct timing_shared *shared, uint64_t line, uint32_t processors)
{
    for (uint32_t i = 0; i < shared->core_count; i++) {
        if ((processors >> i & 1) != 0) {
            hierarchy_drop_line(shared->cores[i], line);
        }
    }
}

static struct cache_entry *line_set(struct timing_shared *shared, uint64_t line)
{
    const struct cache_parameters *cache = &shared->parameters->shared_cache;
    return &shared->entries[line % cache->sets * cache->ways];
}

static struct cache_entry *line_entry(struct timing_shared *shared, uint64_t line)
{
    return cache_find(line_set(shared, line), shared->parameters->shared_cache.ways, line + 1);
}

uint64_t shared_fetch(struct timing_core *core, uint64_t line, uint64_t cycle, bool is_write,
                      bool *exclusive)
{
    const struct timing_parameters *parameters = core->parameters;
    struct timing_shared *shared = core->shared;
    *exclusive = true;
    if (shared == NULL) {
        core_count_event(core, TIMING_EVENT_SHARED_CACHE_MISS);
        return cycle + parameters->memory_cycles;
    }
    uint8_t self = (uint8_t)(1u << core->number);
    struct cache_entry *entry = line_entry(shared, line);
    if (entry == NULL) {
        struct shared_line fresh = {.processors = self,
                                    .writer = is_write ? (uint8_t)core->number : NO_WRITER};
        (void)cache_insert(line_set(shared, line), parameters->shared_cache.ways, line + 1,
                           pack(fresh));
        core_count_event(core, TIMING_EVENT_SHARED_CACHE_MISS);
        return cycle + parameters->memory_cycles;
    }
    struct shared_line found = unpack(entry->ready_cycle);
    uint8_t others = (uint8_t)(found.processors & ~self);
    bool written = others != 0 && found.writer != NO_WRITER && found.writer != core->number;
    if (written) {
        core_count_event(core, TIMING_EVENT_COHERENCE);
    }
    if (is_write) {
        take_away(shared, line, others);
        found = (struct shared_line){.processors = self, .writer = (uint8_t)core->number};
    } else {
        found.processors = (uint8_t)(found.processors | self);
        found.writer = NO_WRITER;
        *exclusive = others == 0;
    }
    if (others != 0 && !is_write) {
        for (uint32_t i = 0; i < shared->core_count; i++) {
            if ((others >> i & 1) != 0) {
                hierarchy_share_line(shared->cores[i], line);
            }
        }
    }
    entry->ready_cycle = pack(found);
    return cycle + (written ? parameters->other_core_cycles : parameters->shared_cache.cycles);
}

uint64_t shared_upgrade(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    struct timing_shared *shared = core->shared;
    if (shared == NULL) {
        return cycle;
    }
    uint8_t self = (uint8_t)(1u << core->number);
    struct cache_entry *entry = line_entry(shared, line);
    if (entry != NULL) {
        struct shared_line found = unpack(entry->ready_cycle);
        take_away(shared, line, found.processors & ~(uint32_t)self);
        entry->ready_cycle =
            pack((struct shared_line){.processors = self, .writer = (uint8_t)core->number});
    }
    core_count_event(core, TIMING_EVENT_COHERENCE);
    return cycle + core->parameters->shared_cache.cycles;
}
