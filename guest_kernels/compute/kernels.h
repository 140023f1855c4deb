/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pieces of computing. Each takes a seed and returns a checksum; none calls the
 * monitor, none depends on another, and all are plain C that also runs elsewhere.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

uint64_t sort_run(uint64_t seed);     /* quick sort and heap sort */
uint64_t hash_run(uint64_t seed);     /* FNV-1a and CRC-32 over a buffer */
uint64_t matrix_run(uint64_t seed);   /* integer matrices */
uint64_t list_run(uint64_t seed);     /* a walk along shuffled links */
uint64_t bytecode_run(uint64_t seed); /* an interpreter with a branchy program */

/* The generator that fills their data. */
static inline uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

#endif
