/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a timing model must answer, and what it is told: blocks of instructions,
 * never partitions, engines or page tables. `off` needs no decoding and charges bytes of
 * code; it is done in the block hook itself. Every other model gets each block that is
 * executed, decoded once: `unit` before it runs, a cycle-level core (native.h) after.
 */
#ifndef TIMING_H
#define TIMING_H

#include <stdbool.h>
#include <stdint.h>

/* The cycle-level cores' interface: Python uses it too. */
#include "native.h"

struct timing_block {
    uint64_t address;
    uint32_t size_bytes;
    uint32_t instruction_count;
};

struct timing_operations {
    const char *name;
    bool needs_blocks; /* false: cycles are bytes of code, and neither function is called */
    /* Cycles of a whole block that is about to be executed. */
    uint64_t (*block_cycles)(void *core, const struct timing_block *block);
    /* Cycles charged for a block of which only the first instructions were executed. */
    uint64_t (*partial_cycles)(void *core, const struct timing_block *block,
                               uint32_t executed_instructions);
};

/* How long an instruction is that the decoder's library does not know; 0: it is none. */
typedef uint32_t timing_unlisted_size(const uint8_t *bytes, uint32_t size_bytes, bool long_mode);
void timing_decoder_unlisted(struct timing_decoder *decoder, timing_unlisted_size *size_of);

extern const struct timing_operations timing_off;
extern const struct timing_operations timing_unit;
/* A cycle-level core: what a block costs is known when it has run, so neither is called. */
extern const struct timing_operations timing_cycles;

#endif
