/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Predecoder, decoders and micro-op queue in time stamps: when an instruction's micro-ops
 * can issue. Called by core.c once an instruction; knows no execution.
 * Sources: UICA 4.1, FACILE 4.2 (blocks, boundaries, length-changing prefixes).
 */
#ifndef TIMING_FRONT_END_H
#define TIMING_FRONT_END_H

#include "core.h"

static inline uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* To the 16-byte block in which an instruction ends; the one it begins in counts it too. */
static inline void front_end_next_block(struct front_end *front,
                                        const struct timing_parameters *core, uint64_t block,
                                        uint64_t opcode_block)
{
    if (opcode_block == front->block && front->predecoded == core->predecode_width) {
        front->predecode_cycle++;
    }
    uint64_t blocks = block - front->block;
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
    uint64_t block = (address + instruction->size_bytes - 1) >> 4;
    if (block != front->block) {
        front_end_next_block(front, core, block, (address + instruction->prefix_bytes) >> 4);
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

static inline void front_end_next_decode(struct front_end *front, uint64_t cycle)
{
    front->decode_cycle = cycle;
    front->decoders_used = 0;
    front->decoded_uops = 0;
}

/* Returns the cycle from which the instruction's micro-ops can issue. */
static inline uint64_t front_end_fetch(struct front_end *front,
                                       const struct timing_parameters *core,
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
        if ((complex && front->decoders_used > 0) || front->decoders_used == core->decoder_count ||
            (!microcoded && front->decoded_uops + uops > core->decode_uops)) {
            front_end_next_decode(front, front->decode_cycle + 1);
        }
        uint32_t oldest =
            front->uop_index + (uops < QUEUE_LIMIT ? uops : 1) - core->uop_queue_entries - 1;
        uint64_t room = front->issued[oldest % QUEUE_LIMIT];
        if (room > front->decode_cycle) {
            front_end_next_decode(front, room);
        }
        front->decoders_used++;
        front->decoded_uops += uops;
    }
    front->decoded[front->instruction_index++ % QUEUE_LIMIT] = front->decode_cycle;
    uint64_t available = front->decode_cycle + 1;
    if ((instruction->flags & INSTRUCTION_MICROCODED) != 0) {
        uint64_t cycles = core->microcode_switch_cycles +
                          (uops + core->microcode_uops - 1) / core->microcode_uops;
        front_end_next_decode(front, front->decode_cycle + cycles);
    }
    return available;
}

static inline void front_end_note_issue(struct front_end *front, uint64_t cycle, uint32_t uops)
{
    for (uint32_t i = 0; i < uops && i < QUEUE_LIMIT; i++) {
        front->issued[front->uop_index++ % QUEUE_LIMIT] = cycle;
    }
}

/* The next instruction is not the one that follows in memory. */
static inline void front_end_redirect(struct front_end *front, uint64_t address, uint64_t cycle)
{
    front->block = address >> 4;
    front->predecode_cycle = later(front->predecode_cycle + 1, cycle);
    front->block_first_cycle = front->predecode_cycle;
    front->hidden_cycles = 0;
    front->predecoded = 0;
}

#endif
