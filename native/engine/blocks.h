/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Translated blocks, decoded: how many instructions, and whether the engine can be
 * trusted with all of them. Reads code through the guest's own tables; keeps decoded blocks
 * by machine address and generation for the timed models.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "timing/timing.h"

#define BLOCK_SIZE_LIMIT_BYTES 8192u

struct block {
    struct timing_block timing; /* with the address at which it ran first */
    uint64_t machine_address;   /* of its first byte */
    uint64_t last_address;      /* of its last one: on another page, perhaps */
    uint64_t generation;
    struct timing_code *code; /* with a cycle-level core; else NULL */
    bool narrow;
};

struct block_cache;
struct machine_memory;

/* Where code is read and how it is decoded. */
struct code_space {
    const struct machine_memory *memory;
    uint64_t root; /* 0: the monitor's own addresses */
    bool narrow; /* 32-bit code */
};

/* With a decoder, blocks have their micro-ops too. It must outlive the cache. */
struct block_cache *block_cache_open(struct timing_decoder *decoder);
void block_cache_close(struct block_cache *cache);
/* Code may have changed: everything cached so far is another generation. */
void block_cache_invalidate(struct block_cache *cache);
/* Tables may have changed: where pages of code lie is looked up anew. */
void block_cache_forget_pages(struct block_cache *cache);

/* The decoded block, from the cache or anew; NULL when its bytes cannot be read. */
const struct block *block_lookup(struct block_cache *cache, struct code_space space,
                                 uint64_t address, uint32_t size_bytes);

/* Instructions that lie wholly before `end` in the block at `address`. */
uint32_t block_count(struct block_cache *cache, struct code_space space, uint64_t address,
                     uint64_t end);

/* The first instruction from `address` on that does not lie wholly before `end`, or `end`. */
uint64_t block_last_start(struct block_cache *cache, struct code_space space, uint64_t address,
                          uint64_t end);

/* What must not be given to the engine, and the trap that stands for it. */
enum unsupported {
    SUPPORTED = 0,
    UNSUPPORTED_UNDEFINED, /* #UD: AVX and its kin, which the engine executes wrongly, and what
                              cannot be decoded: the engine takes LOCK before anything, say */
    UNSUPPORTED_UNKNOWN, /* a block in which the engine sees other instructions than we do */
    UNSUPPORTED_PROTECTION, /* #GP(0): port I/O and sysenter, which the engine does not check */
    UNSUPPORTED_FAR /* executed by far_transfer.c: the engine lets it touch supervisor memory */
};

/*
 * The first such instruction of a block: its class, and its address in *at. What cannot be
 * decoded is undefined, whatever the engine makes of it: nobody looked at it, nor at what
 * follows. translated_count is the engine's number of instructions; 0: not known.
 */
enum unsupported block_unsupported(struct block_cache *cache, struct code_space space,
                                   uint64_t address, uint32_t size_bytes, uint32_t translated_count,
                                   uint64_t *at);
/* Whether a block looked at last has an instruction that may leave anything in the flags. */
bool block_mixes_flags(const struct block_cache *cache);

#endif
