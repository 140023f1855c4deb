/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Touches every kind of page of a process for the first time and checks what is in it.
 */
#include "tests.h"

#include "program.h"

#define PAGE_BYTES 4096
#define HEAP_PAGES 24
#define ZERO_PAGES 8
#define STACK_DEPTH 40
#define STACK_STEP_BYTES 1024
#define DATA_VALUE 0x0123456789abcdefull
#define WORDS_PER_PAGE (PAGE_BYTES / sizeof(uint64_t))
#define HASH_PRIME 0x100000001b3ull

static volatile uint64_t zeros[ZERO_PAGES * WORDS_PER_PAGE];
static volatile uint64_t data[WORDS_PER_PAGE] = {DATA_VALUE};

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state;
}

static uint64_t heap_test(uint64_t seed)
{
    volatile uint64_t *heap = (volatile uint64_t *)HEAP_ADDRESS;
    uint64_t state = seed;
    uint64_t hash = seed;

    for (uint64_t i = 0; i < HEAP_PAGES * WORDS_PER_PAGE; i++) {
        expect(heap[i] == 0, "a fresh heap page is zero");
        heap[i] = random_next(&state);
    }
    state = seed;
    for (uint64_t i = 0; i < HEAP_PAGES * WORDS_PER_PAGE; i++) {
        expect(heap[i] == random_next(&state), "the heap holds what was written");
        hash = (hash ^ heap[i]) * HASH_PRIME;
    }
    return hash;
}

static uint64_t data_test(uint64_t seed)
{
    uint64_t hash = seed;

    expect(data[0] == DATA_VALUE, "data begins as the program has it");
    data[0] ^= seed;
    for (uint64_t i = 0; i < ZERO_PAGES * WORDS_PER_PAGE; i += WORDS_PER_PAGE / 4) {
        expect(zeros[i] == 0, "zeros are zero");
        zeros[i] = seed + i;
    }
    for (uint64_t i = 0; i < ZERO_PAGES * WORDS_PER_PAGE; i += WORDS_PER_PAGE / 4) {
        hash = (hash ^ zeros[i] ^ data[0]) * HASH_PRIME;
    }
    return hash;
}

/* Not a loop for the compiler: each level has to keep its own array alive. */
__attribute__((noinline)) static uint64_t stack_test(uint64_t seed, unsigned depth)
{
    volatile uint8_t room[STACK_STEP_BYTES];
    uint64_t below = seed;

    room[0] = (uint8_t)seed;
    room[STACK_STEP_BYTES - 1] = (uint8_t)depth;
    if (depth > 0) {
        below = stack_test(seed * HASH_PRIME + depth, depth - 1);
    }
    expect(room[0] == (uint8_t)seed && room[STACK_STEP_BYTES - 1] == (uint8_t)depth,
           "the stack holds what was written");
    return below + room[0] * (uint64_t)depth;
}

uint64_t memory_test(uint64_t seed)
{
    uint64_t hash = heap_test(seed);

    hash = (hash ^ data_test(seed)) * HASH_PRIME;
    return hash ^ stack_test(seed, STACK_DEPTH);
}
