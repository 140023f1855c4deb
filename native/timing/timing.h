/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a cycle-level model must answer, and what it is told: blocks of instructions,
 * never partitions, engines or page tables. `off` needs no decoding and charges bytes of
 * code; it is done in the block hook itself. Every other model gets each block that is
 * executed, decoded once.
 */
#ifndef TIMING_H
#define TIMING_H

#include <stdbool.h>
#include <stdint.h>

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

extern const struct timing_operations timing_off;
extern const struct timing_operations timing_unit;

/*
 * The cycle-level cores. A decoder turns a block of code into micro-ops, once; a core runs
 * decoded blocks in the order in which they were executed, and keeps everything that a real
 * one keeps from block to block. Time is in whole cycles. Nothing here calls back.
 */
struct timing_parameters;
struct timing_decoder;
struct timing_code;
struct timing_core;

/* NULL: there is no core of that name. */
const struct timing_parameters *timing_core_named(const char *name);

/* NULL: no memory. A decoder belongs to one core's tables; blocks may be decoded ahead. */
struct timing_decoder *timing_decoder_open(const struct timing_parameters *parameters);
void timing_decoder_close(struct timing_decoder *decoder);
struct timing_code *timing_decode(struct timing_decoder *decoder, const uint8_t *bytes,
                                  uint32_t size_bytes, uint64_t address, uint32_t width_bits);
void timing_code_free(struct timing_code *code);
uint32_t timing_code_instruction_count(const struct timing_code *code);
/* Instructions timed by the default, for want of an entry. */
uint32_t timing_code_unknown_count(const struct timing_code *code);

/* One access of a block, in program order: an instruction's loads before its stores. */
struct timing_access {
    uint64_t address;         /* virtual */
    uint64_t machine_address; /* physical */
    uint32_t size_bytes;
    uint32_t is_write;
};

/* What became of a block. */
struct timing_outcome {
    const struct timing_access *accesses;
    uint32_t access_count;
    uint32_t executed_count; /* instructions; fewer than the block has after a trap */
    uint32_t branch_taken;
    uint64_t address; /* where the block ran, and where its bytes lie */
    uint64_t machine_address;
    uint64_t target; /* of a branch taken */
};

struct timing_core *timing_core_open(const struct timing_parameters *parameters);
void timing_core_close(struct timing_core *core);
void timing_core_reset(struct timing_core *core);
/* Cycles by which the core's clock, the retirement of its last instruction, moved on. */
uint64_t timing_execute(struct timing_core *core, const struct timing_code *code,
                        const struct timing_outcome *outcome);
uint64_t timing_core_cycles(const struct timing_core *core);

/* A block in unrolled copies, one after the other. */
struct timing_block_run {
    const char *core;
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t width_bits;
    uint64_t address;
    uint32_t warm_copies; /* before the measured ones */
    uint32_t copies;
    const struct timing_access *accesses; /* NULL: no two accesses meet */
    const uint32_t *access_ends; /* for each copy, where its accesses end */
};

struct timing_measurement {
    uint64_t cycles; /* of all measured copies */
    uint32_t instruction_count;
    uint32_t unknown_count;
};

int timing_measure(const struct timing_block_run *run, struct timing_measurement *measurement);

#endif
