/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor's own caches and address translation: when a line or a page is there. Called by
 * core.c and the front end; knows no instruction.
 *
 * Pages are of 4 KiB. A walk reads synthetic tables, one entry a page and one a 2 MiB region,
 * through the second cache: the emulated tables are the machine's business, their cost is not.
 */
#ifndef TIMING_HIERARCHY_H
#define TIMING_HIERARCHY_H

#include "cache.h"
#include "core.h"

#define LINE_BITS 6
#define PAGE_BITS 12
#define LINE_EXCLUSIVE 1u /* in a data cache's ready_cycle: this processor has it alone */
/* Of machine addresses: above all that a machine has. */
#define WALK_TABLES (1ull << 52)

void hierarchy_reset(struct timing_core *core);
/* Whatever was on its way has arrived. */
void hierarchy_settle(struct timing_core *core);
void hierarchy_flush_space(struct timing_core *core, uint64_t space);
/* True: there was a translation for code. */
bool hierarchy_flush_page(struct timing_core *core, uint64_t address);
void hierarchy_flush_all(struct timing_core *core);
/* No line is in this processor's caches, nor in the one that it shares. */
void hierarchy_forget_lines(struct timing_core *core);
/* What the first data cache held is in the second one. */
void hierarchy_empty_data_cache(struct timing_core *core);
/* Another processor writes the line, or reads it. */
void hierarchy_drop_line(struct timing_core *core, uint64_t line);
void hierarchy_share_line(struct timing_core *core, uint64_t line);

/* A line that is not in the data cache: when it will be. */
uint64_t hierarchy_fill(struct timing_core *core, uint64_t line, uint64_t cycle, bool is_write);
/* A line that nobody waits for yet: false when there is no fill buffer free for it. */
bool hierarchy_prefetch(struct timing_core *core, uint64_t line, uint64_t cycle);
/* A line of code that is not in the code cache. */
uint64_t hierarchy_fill_code(struct timing_core *core, uint64_t line, uint64_t cycle);
/* A page that is not in the first TLB: when its translation is there. */
uint64_t hierarchy_translate(struct timing_core *core, struct cache_entry *set, uint32_t ways,
                             uint64_t tag, uint64_t cycle);
/* A line that is there, but not this processor's alone, is about to be written. */
uint64_t hierarchy_own(struct timing_core *core, uint64_t line, uint64_t cycle);

/* Not 0, and different in every address space. */
static inline uint64_t page_tag(const struct timing_core *core, uint64_t address)
{
    return (address >> PAGE_BITS << 8 | core_space_of(core, address)) + 1;
}

/* When an access that begins in `cycle` has its translation. */
static inline uint64_t hierarchy_data_page(struct timing_core *core, uint64_t address,
                                           uint64_t cycle)
{
    const struct tlb_parameters *tlb = &core->parameters->data_tlb;
    struct memory_state *memory = &core->state.memory;
    uint64_t tag = page_tag(core, address);
    struct cache_entry *set =
        &memory->data_tlb[((address >> PAGE_BITS) & (tlb->sets - 1u)) * tlb->ways];
    if (cache_find(set, tlb->ways, tag) != NULL) {
        return cycle;
    }
    core_count_event(core, TIMING_EVENT_DATA_TLB_MISS);
    return hierarchy_translate(core, set, tlb->ways, tag, cycle);
}

/* When a load's line is in the data cache: `cycle` itself when it was there. */
static inline uint64_t hierarchy_data_line(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    const struct cache_parameters *cache = &core->parameters->data_cache;
    struct cache_entry *set =
        &core->state.memory.data_cache[(line & (cache->sets - 1u)) * cache->ways];
    struct cache_entry *entry = cache_find(set, cache->ways, line + 1);
    if (entry == NULL) {
        return hierarchy_fill(core, line, cycle, false);
    }
    uint64_t ready = entry->ready_cycle >> 1;
    return ready > cycle ? ready : cycle;
}

/* When a store's line is in the data cache and this processor's alone. */
static inline uint64_t hierarchy_store_line(struct timing_core *core, uint64_t line, uint64_t cycle)
{
    const struct cache_parameters *cache = &core->parameters->data_cache;
    struct cache_entry *set =
        &core->state.memory.data_cache[(line & (cache->sets - 1u)) * cache->ways];
    struct cache_entry *entry = cache_find(set, cache->ways, line + 1);
    if (entry == NULL) {
        return hierarchy_fill(core, line, cycle, true);
    }
    if ((entry->ready_cycle & LINE_EXCLUSIVE) == 0) {
        return hierarchy_own(core, line, cycle);
    }
    uint64_t ready = entry->ready_cycle >> 1;
    return ready > cycle ? ready : cycle;
}

#endif
