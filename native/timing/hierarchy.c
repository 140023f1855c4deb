/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What does not hit: see hierarchy.h. */
#include "hierarchy.h"

#include "prefetch.h"
#include "shared.h"

#define LINES_PER_PAGE 64u
#define STREAM_LINES 2u /* SOM E.2.5.4: up to two lines ahead in a page, here always */

static struct cache_entry *data_set(struct timing_core *core, uint64_t line)
{
    const struct cache_parameters *cache = &core->parameters->data_cache;
    return &core->state.memory.data_cache[(line & (cache->sets - 1u)) * cache->ways];
}

static struct cache_entry *second_set(struct timing_core *core, uint64_t line)
{
    const struct cache_parameters *cache = &core->parameters->second_cache;
    return &core->state.memory.second_cache[(line & (cache->sets - 1u)) * cache->ways];
}

void hierarchy_reset(struct timing_core *core)
{
    memset(&core->state.memory, 0, sizeof core->state.memory);
}

static void settle(struct cache_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[i].ready_cycle &= LINE_EXCLUSIVE;
    }
}

void hierarchy_settle(struct timing_core *core)
{
    struct memory_state *memory = &core->state.memory;
    settle(memory->data_cache, DATA_CACHE_LIMIT);
    settle(memory->second_cache, SECOND_CACHE_LIMIT);
    memset(memory->fill_free, 0, sizeof memory->fill_free);
    memset(memory->walker_free, 0, sizeof memory->walker_free);
}

void hierarchy_forget_lines(struct timing_core *core)
{
    struct memory_state *memory = &core->state.memory;
    memset(memory->code_cache, 0, sizeof memory->code_cache);
    memset(memory->data_cache, 0, sizeof memory->data_cache);
    memset(memory->second_cache, 0, sizeof memory->second_cache);
    prefetch_forget(core); /* which lines it asked for */
    shared_forget(core);
}

void hierarchy_empty_data_cache(struct timing_core *core)
{
    struct cache_entry *entries = core->state.memory.data_cache;
    uint32_t ways = core->parameters->second_cache.ways;
    for (size_t i = 0; i < DATA_CACHE_LIMIT; i++) {
        struct cache_entry *set = entries[i].tag == 0 ? NULL : second_set(core, entries[i].tag - 1);
        if (set != NULL && !cache_has(set, ways, entries[i].tag)) {
            (void)cache_insert(set, ways, entries[i].tag, entries[i].ready_cycle);
        }
        entries[i] = (struct cache_entry){0};
    }
    prefetch_forget(core); /* which lines it asked for */
}

void hierarchy_drop_line(struct timing_core *core, uint64_t line)
{
    cache_remove(data_set(core, line), core->parameters->data_cache.ways, line + 1);
    cache_remove(second_set(core, line), core->parameters->second_cache.ways, line + 1);
}

void hierarchy_share_line(struct timing_core *core, uint64_t line)
{
    struct cache_entry *entry =
        cache_find(data_set(core, line), core->parameters->data_cache.ways, line + 1);
    if (entry != NULL) {
        entry->ready_cycle &= ~(uint64_t)LINE_EXCLUSIVE;
    }
    entry = cache_find(second_set(core, line), core->parameters->second_cache.ways, line + 1);
    if (entry != NULL) {
        entry->ready_cycle &= ~(uint64_t)LINE_EXCLUSIVE;
    }
}

/* Brings a line into the second cache, if it is not there or on its way. */
static void prefetch_second(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    struct cache_entry *set = second_set(core, line);
    uint32_t ways = core->parameters->second_cache.ways;
    if (cache_find(set, ways, line + 1) == NULL) {
        bool exclusive = true;
        uint64_t ready = shared_fetch(core, line, cycle, false, &exclusive);
        (void)cache_insert(set, ways, line + 1, ready << 1 | exclusive);
    }
}

/* A stream of requests in ascending order makes the next lines of the page come too. */
static void prefetch_stream(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    struct memory_state *memory = &core->state.memory;
    uint64_t *last = &memory->stream_line[(line / LINES_PER_PAGE) % STREAM_LIMIT];
    bool ascends = line == *last + 1 || line == *last + 2;
    *last = line;
    for (uint64_t ahead = line + 1; ascends && ahead <= line + STREAM_LINES; ahead++) {
        if (ahead / LINES_PER_PAGE == line / LINES_PER_PAGE) {
            prefetch_second(core, ahead, cycle);
        }
    }
}

/* From the second cache or from beyond it. */
static uint64_t fetch_second(struct timing_core *core, uint64_t line, uint64_t cycle, bool is_write,
                             bool *exclusive)
{
    const struct cache_parameters *cache = &core->parameters->second_cache;
    struct cache_entry *set = second_set(core, line);
    struct cache_entry *entry = cache_find(set, cache->ways, line + 1);
    uint64_t arrives = cycle + cache->cycles;
    if (entry == NULL) {
        core_count_event(core, TIMING_EVENT_SECOND_CACHE_MISS);
        uint64_t ready = shared_fetch(core, line, cycle, is_write, exclusive);
        (void)cache_insert(set, cache->ways, line + 1, ready << 1 | *exclusive);
        arrives = ready;
        if (core->parameters->prefetches_pairs) {
            prefetch_second(core, line ^ 1, cycle);
        }
    } else {
        *exclusive = (entry->ready_cycle & LINE_EXCLUSIVE) != 0;
        uint64_t ready = entry->ready_cycle >> 1;
        arrives = ready > arrives ? ready : arrives;
        if (is_write && !*exclusive) {
            arrives = shared_upgrade(core, line, arrives);
            entry = cache_find(set, cache->ways, line + 1);
            if (entry != NULL) {
                entry->ready_cycle |= LINE_EXCLUSIVE;
            }
            *exclusive = true;
        }
    }
    if (core->parameters->prefetches_streams) {
        prefetch_stream(core, line, cycle);
    }
    return arrives;
}

/* The figures of the levels are of dependent loads, start to result; the fill is that much less. */
static uint64_t fill(struct timing_core *core, uint64_t line, uint64_t cycle, bool is_write)
{
    struct memory_state *memory = &core->state.memory;
    const struct timing_parameters *parameters = core->parameters;
    uint64_t *buffer = &memory->fill_free[memory->fill_index++ % parameters->fill_buffers];
    uint64_t start = *buffer > cycle ? *buffer : cycle;
    bool exclusive = true;
    uint64_t arrives = fetch_second(core, line, start, is_write, &exclusive);
    arrives -= parameters->fast_load_cycles;
    *buffer = arrives;
    (void)cache_insert(data_set(core, line), parameters->data_cache.ways, line + 1,
                       arrives << 1 | exclusive);
    return arrives;
}

uint64_t hierarchy_fill(struct timing_core *core, uint64_t line, uint64_t cycle, bool is_write)
{
    core_count_event(core, TIMING_EVENT_DATA_CACHE_MISS);
    return fill(core, line, cycle, is_write);
}

bool hierarchy_prefetch(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    const struct memory_state *memory = &core->state.memory;
    const struct timing_parameters *parameters = core->parameters;
    if (cache_has(data_set(core, line), parameters->data_cache.ways, line + 1)) {
        return true;
    }
    if (memory->fill_free[memory->fill_index % parameters->fill_buffers] > cycle) {
        return false;
    }
    core_count_event(core, TIMING_EVENT_PREFETCH);
    (void)fill(core, line, cycle, false);
    return true;
}

uint64_t hierarchy_own(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    uint64_t ready = shared_upgrade(core, line, cycle);
    struct cache_entry *entry =
        cache_find(data_set(core, line), core->parameters->data_cache.ways, line + 1);
    if (entry != NULL) {
        entry->ready_cycle = ready << 1 | LINE_EXCLUSIVE;
    }
    return ready;
}

uint64_t hierarchy_fill_code(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    const struct cache_parameters *cache = &core->parameters->code_cache;
    struct cache_entry *set =
        &core->state.memory.code_cache[(line & (cache->sets - 1u)) * cache->ways];
    struct cache_entry *entry = cache_find(set, cache->ways, line + 1);
    if (entry != NULL) {
        return cycle;
    }
    core_count_event(core, TIMING_EVENT_CODE_CACHE_MISS);
    bool exclusive = true;
    uint64_t arrives = fetch_second(core, line, cycle, false, &exclusive);
    (void)cache_insert(set, cache->ways, line + 1, 0);
    return arrives - core->parameters->fast_load_cycles;
}

#define PAGE_NUMBERS ((1ull << 36) - 1) /* of 48 bits of address */
#define REGION_PAGE_BITS 9
#define ENTRY_BYTES 8u
/* Beside those of the space before, and in other sets, as tables in frames of their own are. */
#define SPACE_TABLES ((1ull << 40) + (1ull << PAGE_BITS))

/*
 * One or two entries, of eight bytes each, so that eight neighbours share a line: a cache of the
 * upper levels holds which regions were walked lately. SOM volume 3, 4.10.3.
 */
static uint64_t walk(struct timing_core *core, uint64_t tag, uint64_t cycle)
{
    struct memory_state *memory = &core->state.memory;
    uint32_t walkers = core->parameters->page_walkers;
    uint64_t *walker = &memory->walker_free[memory->walker_index++ % walkers];
    uint64_t space = (tag - 1) & 0xff;
    uint64_t page = (tag - 1) >> 8 & PAGE_NUMBERS;
    uint64_t region = page >> REGION_PAGE_BITS;
    uint64_t tables = space * SPACE_TABLES;
    uint64_t name = (region << 8 | space) + 1;
    cycle = *walker > cycle ? *walker : cycle;
    core_count_event(core, TIMING_EVENT_PAGE_WALK);
    bool exclusive = true;
    uint64_t *cached = &memory->regions[(region + space) % REGION_LIMIT];
    if (*cached != name) {
        *cached = name;
        uint64_t upper = WALK_TABLES * 2 + tables + region * ENTRY_BYTES;
        cycle = fetch_second(core, upper >> LINE_BITS, cycle, false, &exclusive);
    }
    uint64_t entry = WALK_TABLES + tables + page * ENTRY_BYTES;
    cycle = fetch_second(core, entry >> LINE_BITS, cycle, false, &exclusive);
    *walker = cycle;
    return cycle;
}

uint64_t hierarchy_translate(struct timing_core *core, struct cache_entry *set, uint32_t ways,
                             uint64_t tag, uint64_t cycle)
{
    const struct tlb_parameters *tlb = &core->parameters->second_tlb;
    uint64_t page = (tag - 1) >> 8;
    struct cache_entry *second =
        &core->state.memory.second_tlb[(page & (tlb->sets - 1u)) * tlb->ways];
    uint64_t ready = cycle + tlb->cycles;
    if (cache_find(second, tlb->ways, tag) == NULL) {
        ready = walk(core, tag, ready);
        (void)cache_insert(second, tlb->ways, tag, 0);
    }
    (void)cache_insert(set, ways, tag, 0);
    return ready;
}

/* Drops what `mask` and `value` select of a TLB, if there is any. */
static bool drop(struct cache_entry *entries, size_t count, uint64_t mask, uint64_t value)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].tag != 0 && ((entries[i].tag - 1) & mask) == value) {
            entries[i] = (struct cache_entry){0};
            found = true;
        }
    }
    return found;
}

/* The upper tables that were walked lately: of one space, or with mask 0 of all. */
static void drop_regions(struct memory_state *memory, uint64_t mask, uint64_t value)
{
    for (size_t i = 0; i < REGION_LIMIT; i++) {
        if (memory->regions[i] != 0 && ((memory->regions[i] - 1) & mask) == value) {
            memory->regions[i] = 0;
        }
    }
}

/* Returns whether there was one for code. */
static bool drop_all(struct timing_core *core, uint64_t mask, uint64_t value)
{
    struct memory_state *memory = &core->state.memory;
    bool code = drop(memory->code_tlb, CODE_TLB_LIMIT, mask, value);
    (void)drop(memory->data_tlb, DATA_TLB_LIMIT, mask, value);
    (void)drop(memory->second_tlb, SECOND_TLB_LIMIT, mask, value);
    drop_regions(memory, mask & 0xff, value & mask & 0xff);
    return code;
}

void hierarchy_flush_space(struct timing_core *core, uint64_t space)
{
    (void)drop_all(core, 0xff, space & 0xff);
}

bool hierarchy_flush_page(struct timing_core *core, uint64_t address)
{
    return drop_all(core, ~0ull, page_tag(core, address) - 1);
}

void hierarchy_flush_all(struct timing_core *core)
{
    (void)drop_all(core, 0, 0);
}
