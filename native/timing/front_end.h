/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From code to the micro-op queue in time stamps: micro-op cache, predecoder, decoders. Says
 * when an instruction's micro-ops can issue. Called by core.c once an instruction; knows no
 * execution. Sources: UICA 4.1, FACILE 4.2 (blocks, boundaries, length-changing prefixes),
 * SOM E.2.2.3 (micro-op cache).
 */
#ifndef TIMING_FRONT_END_H
#define TIMING_FRONT_END_H

#include "core.h"
#include "hierarchy.h"

#define WINDOW_LINES 16u /* more than a window of any core has in the micro-op cache */

static inline void front_end_next_decode(struct front_end *front, uint64_t cycle)
{
    front->decode_cycle = cycle;
    front->decoders_used = 0;
    front->decoded_uops = 0;
}

/* Not 0, and different in every address space. */
static inline uint64_t window_of(const struct timing_core *core, uint64_t address)
{
    uint64_t first = address & -(uint64_t)core->parameters->uop_cache_window_bytes;
    return (first << 3 | core_space_of(core, address)) + 1;
}

/*
 * The micro-op cache goes with the translation of its code: it is flushed when a root is loaded,
 * and may be when a page of code loses its translation. SOM E.2.2.3; for AMD the same, [A].
 */
static inline void front_end_flush_uops(struct timing_core *core)
{
    struct front_end *front = &core->state.front;
    memset(front->uop_cache, 0, sizeof front->uop_cache);
    front->window = 0;
    front->window_uops = 0;
    front->line = 0;
}

static inline struct cache_entry *window_set(struct front_end *front,
                                             const struct timing_parameters *core, uint64_t window)
{
    uint64_t set = (window >> 3) / core->uop_cache_window_bytes & (core->uop_cache_sets - 1u);
    return &front->uop_cache[set * core->uop_cache_ways];
}

/* What the decoders made of a window goes into the micro-op cache. */
static inline void front_end_keep_window(struct front_end *front,
                                         const struct timing_parameters *core)
{
    uint32_t per_line = core->uop_cache_line_uops;
    uint32_t lines = (front->window_uops + per_line - 1) / per_line;
    if (front->window == 0 || lines == 0 || lines > core->uop_cache_window_lines) {
        return;
    }
    struct cache_entry *set = window_set(front, core, front->window);
    for (uint32_t line = 0; line < lines; line++) {
        uint64_t tag = front->window * WINDOW_LINES + line;
        if (cache_find(set, core->uop_cache_ways, tag) == NULL) {
            (void)cache_insert(set, core->uop_cache_ways, tag, lines);
        }
    }
}

/* All lines of a window, or it has to be decoded again. */
static inline bool front_end_has_window(struct front_end *front,
                                        const struct timing_parameters *core, uint64_t window)
{
    struct cache_entry *set = window_set(front, core, window);
    const struct cache_entry *first = cache_find(set, core->uop_cache_ways, window * WINDOW_LINES);
    if (first == NULL) {
        return false;
    }
    uint64_t lines = first->ready_cycle;
    for (uint64_t line = 1; line < lines; line++) {
        if (cache_find(set, core->uop_cache_ways, window * WINDOW_LINES + line) == NULL) {
            return false;
        }
    }
    return true;
}

/* Predecoding starts anew at an address. */
static inline void front_end_start_block(struct front_end *front,
                                         const struct timing_parameters *core, uint64_t address,
                                         uint64_t cycle)
{
    front->block = address & -(uint64_t)core->predecode_bytes;
    front->predecode_cycle = later(front->predecode_cycle + 1, cycle);
    front->block_first_cycle = front->predecode_cycle;
    front->hidden_cycles = 0;
    front->predecoded = 0;
}

static inline void front_end_enter_window(struct timing_core *core, uint64_t window,
                                          uint64_t address)
{
    const struct timing_parameters *parameters = core->parameters;
    struct front_end *front = &core->state.front;
    if (front->from_cache == 0) {
        front_end_keep_window(front, parameters);
    }
    bool hit = front_end_has_window(front, parameters, window);
    core_count_event(core, hit ? TIMING_EVENT_UOP_CACHE_HIT : TIMING_EVENT_UOP_CACHE_MISS);
    if (hit && front->from_cache == 0) {
        front_end_next_decode(front, front->decode_cycle + 1);
    } else if (!hit && front->from_cache != 0) {
        front_end_start_block(front, parameters, address,
                              front->decode_cycle + parameters->uop_cache_switch_cycles);
    }
    front->from_cache = hit;
    front->window = window;
    front->window_uops = 0;
}

/* The line of code that an instruction begins in: translated, and in the code cache. */
static inline void front_end_fetch_line(struct timing_core *core, uint64_t address,
                                        uint64_t machine_address)
{
    const struct tlb_parameters *tlb = &core->parameters->code_tlb;
    struct front_end *front = &core->state.front;
    uint64_t tag = page_tag(core, address);
    struct cache_entry *set =
        &core->state.memory.code_tlb[((address >> PAGE_BITS) & (tlb->sets - 1u)) * tlb->ways];
    uint64_t ready = front->predecode_cycle;
    if (cache_find(set, tlb->ways, tag) == NULL) {
        core_count_event(core, TIMING_EVENT_CODE_TLB_MISS);
        ready = hierarchy_translate(core, set, tlb->ways, tag, ready);
    }
    ready = hierarchy_fill_code(core, machine_address >> LINE_BITS, ready);
    if (ready > front->predecode_cycle) {
        front->block_first_cycle += ready - front->predecode_cycle;
        front->predecode_cycle = ready;
    }
    front->line = (address >> LINE_BITS) + 1;
}

/* To the block in which an instruction ends; the one it begins in counts it too. */
static inline void front_end_next_block(struct front_end *front,
                                        const struct timing_parameters *core, uint64_t block,
                                        uint64_t opcode_block)
{
    if (opcode_block == front->block && front->predecoded == core->predecode_width) {
        front->predecode_cycle++;
    }
    uint64_t blocks = (block - front->block) / core->predecode_bytes;
    front->hidden_cycles = front->predecode_cycle - front->block_first_cycle;
    front->predecode_cycle += blocks;
    front->block_first_cycle = front->predecode_cycle;
    front->block = block;
    front->predecoded = 0;
}

static inline void front_end_predecode(struct front_end *front,
                                       const struct timing_parameters *core,
                                       const struct instruction *instruction, uint64_t address)
{
    uint64_t mask = -(uint64_t)core->predecode_bytes;
    uint64_t block = (address + instruction->size_bytes - 1) & mask;
    if (block != front->block) {
        front_end_next_block(front, core, block, (address + instruction->prefix_bytes) & mask);
    } else if (front->predecoded == core->predecode_width) {
        front->predecode_cycle++;
        front->predecoded = 0;
    }
    if ((instruction->flags & INSTRUCTION_LENGTH_CHANGE) != 0) {
        uint64_t stall = core->prefix_stall_cycles;
        uint64_t hidden = front->hidden_cycles < stall ? front->hidden_cycles : stall;
        front->hidden_cycles -= hidden;
        front->predecode_cycle += stall - hidden;
        front->block_first_cycle += stall - hidden;
    }
    uint32_t oldest = front->instruction_index - core->instruction_queue_entries;
    uint64_t room = front->decoded[oldest % QUEUE_LIMIT];
    if (room > front->predecode_cycle) {
        front->block_first_cycle += room - front->predecode_cycle;
        front->predecode_cycle = room;
        front->predecoded = 0;
    }
    front->predecoded++;
}

/* Room in the micro-op queue for what is decoded together. */
static inline void front_end_wait_for_room(struct front_end *front,
                                           const struct timing_parameters *core, uint32_t uops)
{
    uint32_t oldest =
        front->uop_index + (uops < QUEUE_LIMIT ? uops : 1) - core->uop_queue_entries - 1;
    uint64_t room = front->issued[oldest % QUEUE_LIMIT];
    if (room > front->decode_cycle) {
        front_end_next_decode(front, room);
    }
}

/* Several micro-ops a cycle, whatever instructions they are of. */
static inline void front_end_from_cache(struct front_end *front,
                                        const struct timing_parameters *core, uint32_t uops)
{
    if (uops == 0) {
        return; /* fused with the one before: it came with it, and waits for no room */
    }
    if (front->decoded_uops + uops > core->uop_cache_uops) {
        front_end_next_decode(front, front->decode_cycle + 1);
    }
    front_end_wait_for_room(front, core, uops);
    front->decoded_uops += uops;
}

static inline void front_end_decode(struct front_end *front, const struct timing_parameters *core,
                                    const struct instruction *instruction, uint64_t address)
{
    uint32_t uops = instruction->decoded_uops;
    front_end_predecode(front, core, instruction, address);
    if (front->predecode_cycle + 1 > front->decode_cycle) {
        front_end_next_decode(front, front->predecode_cycle + 1);
    }
    if (uops > 0) {
        bool complex = (instruction->flags & INSTRUCTION_COMPLEX) != 0;
        bool microcoded = (instruction->flags & INSTRUCTION_MICROCODED) != 0;
        bool waits = !core->last_decoder_fuses && front->decoders_used + 1 == core->decoder_count &&
                     (instruction->flags & INSTRUCTION_MAY_FUSE) != 0;
        if (waits || (complex && front->decoders_used > 0) ||
            front->decoders_used == core->decoder_count ||
            (!microcoded && front->decoded_uops + uops > core->decode_uops)) {
            front_end_next_decode(front, front->decode_cycle + 1);
        }
        front_end_wait_for_room(front, core, uops);
        front->decoders_used++;
        front->decoded_uops += uops;
    }
    front->window_uops += uops;
}

/* Returns the cycle from which the instruction's micro-ops can issue. */
static inline uint64_t front_end_fetch(struct timing_core *core,
                                       const struct instruction *instruction, uint64_t address,
                                       uint64_t machine_address)
{
    const struct timing_parameters *parameters = core->parameters;
    struct front_end *front = &core->state.front;
    uint32_t uops = instruction->decoded_uops;
    uint64_t window = window_of(core, address);
    if (window != front->window && uops > 0) { /* what is fused came with the one before */
        front_end_enter_window(core, window, address);
    }
    if (front->from_cache != 0) {
        front_end_from_cache(front, parameters, uops);
    } else {
        if ((address >> LINE_BITS) + 1 != front->line && (core->ideals & TIMING_IDEAL_CODE) == 0) {
            front_end_fetch_line(core, address, machine_address);
        }
        front_end_decode(front, parameters, instruction, address);
        front->decoded[front->instruction_index++ % QUEUE_LIMIT] = front->decode_cycle;
    }
    uint64_t available = front->decode_cycle + 1;
    if ((instruction->flags & INSTRUCTION_MICROCODED) != 0) {
        uint64_t cycles = parameters->microcode_switch_cycles +
                          (uops + parameters->microcode_uops - 1) / parameters->microcode_uops;
        front_end_next_decode(front, front->decode_cycle + cycles);
    }
    return available;
}

static inline void front_end_note_issue(struct front_end *front, uint64_t cycle, uint32_t uops)
{
    if (uops == 1) {
        front->issued[front->uop_index++ % QUEUE_LIMIT] = cycle;
        return;
    }
    for (uint32_t i = 0; i < uops && i < QUEUE_LIMIT; i++) {
        front->issued[front->uop_index++ % QUEUE_LIMIT] = cycle;
    }
}

/* The next instruction is at another address: a branch was taken, and this is when. */
static inline void front_end_redirect(struct timing_core *core, uint64_t address, uint64_t cycle)
{
    struct front_end *front = &core->state.front;
    if (front->from_cache == 0) {
        front_end_keep_window(front, core->parameters);
    }
    front->window = 0;
    front->line = 0;
    front_end_start_block(front, core->parameters, address, cycle);
    front_end_next_decode(front, later(front->decode_cycle + 1, cycle));
}

/* Into how many rounds of itself the loop buffer unrolls a loop: UICA, measured. */
static inline uint32_t front_end_unrolled(const struct timing_parameters *core, uint32_t uops)
{
    for (uint32_t i = 0; i < LOOP_UNROLLING_LIMIT; i++) {
        if (uops <= core->loop_unrolling[i].uops) {
            return core->loop_unrolling[i].rounds;
        }
    }
    return 1;
}

/*
 * Whether the loop buffer came to the end of what it has: a loop that fits into the micro-op queue
 * is replayed from there, and no cycle issues from its end and its beginning. SOM E.2.2.4, UICA.
 */
static inline bool front_end_loop_ends(struct front_end *front,
                                       const struct timing_parameters *core, uint64_t target)
{
    uint32_t uops = front->uop_index - front->loop_start;
    bool again =
        target == front->loop_target && uops == front->loop_uops && uops <= core->uop_queue_entries;
    front->loop_target = target;
    front->loop_start = front->uop_index;
    front->loop_uops = uops;
    front->loop_rounds = again ? front->loop_rounds + 1 : 0;
    return again && front->loop_rounds % front_end_unrolled(core, uops) == 0;
}

/*
 * A branch was taken as predicted. What the micro-op cache has of its target may come in the same
 * cycle, on Skylake not if branch and target lie in one window. UICA 4.1, FACILE 4.4.
 */
static inline void front_end_follow(struct timing_core *core, uint64_t branch, uint64_t target)
{
    const struct timing_parameters *parameters = core->parameters;
    struct front_end *front = &core->state.front;
    bool replays = parameters->has_loop_buffer && target <= branch &&
                   front_end_loop_ends(front, parameters, target);
    if (replays) {
        core->state.scheduler.slots_used = parameters->issue_width;
    }
    if (front->from_cache == 0) {
        front_end_redirect(core, target, 0);
        return;
    }
    if (!parameters->follows_in_cycle ||
        (!parameters->reenters_in_cycle && window_of(core, target) == front->window)) {
        front_end_next_decode(front, front->decode_cycle + 1);
    }
    front->window = 0;
    front->line = 0;
}

#endif
