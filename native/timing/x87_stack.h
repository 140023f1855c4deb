/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns the x87 registers' time stamps between the blocks: from one to the next, the first of
 * them is the top of the stack; within one, the top where the block begins. Called by
 * pipeline.c, for the few blocks that turn the stack; knows no instruction.
 */
#ifndef TIMING_X87_STACK_H
#define TIMING_X87_STACK_H

#include <string.h>

#include "core.h"

#define X87_MASK (0xffull << SLOT_X87)

/* How far the first instructions of a block turn it. */
static inline uint32_t x87_turned(const struct timing_code *code, uint32_t instructions)
{
    int32_t turned = 0;
    for (uint32_t i = 0; i < instructions; i++) {
        turned += code->instructions[i].x87_turn;
    }
    return (uint32_t)turned % 8;
}

static inline void x87_turn(struct core_state *state, uint32_t by)
{
    uint64_t before[8];
    uint64_t loaded = (state->loaded & X87_MASK) >> SLOT_X87;
    memcpy(before, state->ready + SLOT_X87, sizeof before);
    state->loaded &= ~X87_MASK;
    for (uint32_t i = 0; i < 8; i++) {
        state->ready[SLOT_X87 + i] = before[(i + by) % 8];
        state->loaded |= (loaded >> (i + by) % 8 & 1) << (SLOT_X87 + i);
    }
}

#endif
