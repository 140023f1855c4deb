/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What x87 instructions do with their stack: which registers they read and write, and how they
 * turn it. Called by decode.c; knows no time. The slots of a block are those of the stack as it
 * stood where the block begins: x87_stack.h turns them from block to block.
 */
#ifndef TIMING_X87_H
#define TIMING_X87_H

#include <stdbool.h>
#include <stdint.h>

#include "form.h"
#include "operands.h"

/* What an instruction does with flags: those of the unit's status, and the processor's. */
enum x87_flag {
    X87_SETS_STATUS = 1 << 0,
    X87_READS_STATUS = 1 << 1,
    X87_SETS_FLAGS = 1 << 2,
    X87_READS_CARRY = 1 << 3,
    X87_READS_FLAGS = 1 << 4,
};

struct x87_effect {
    uint8_t reads;  /* a bit a register, st(0) the lowest, before the instruction */
    uint8_t writes; /* the same; bit 7 is what a push makes st(0) */
    int8_t turn;    /* registers popped; -1: one is pushed */
    uint8_t flags;
};

bool x87_is(const struct encoding *encoding);
/* Nothing, for every other instruction. */
struct x87_effect x87_effect_of(const struct encoding *encoding);
/* Adds the registers to the operands; `top` is how far the block has turned the stack. */
void x87_add_operands(const struct x87_effect *effect, uint8_t top, struct operands *operands);

#endif
