/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to memory that another party may change at any moment: each word is read exactly once,
 * and what was read is in memory of one's own before it is looked at. Pure; at both widths.
 */
#ifndef SHARED_WORD_H
#define SHARED_WORD_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t shared_word_unaligned __attribute__((aligned(1), may_alias));
/* As much as a processor of this width moves at once. */
typedef uintptr_t shared_wide_unaligned __attribute__((aligned(1), may_alias));
/* Copied without a branch: branches are what costs most where an emulator counts blocks. */
#define SHARED_BLOCK_BYTES 64u

static inline uint32_t shared_read_32(const volatile uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void shared_write_32(volatile uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* In two halves at 32 bits: for words of which the other end makes nothing. */
static inline void shared_write_64(volatile uint64_t *word, uint64_t value)
{
    *word = value;
}

static inline void shared_copy_in(void *target, const volatile void *source, size_t size_bytes)
{
    uint8_t *bytes = target;
    const volatile uint8_t *shared = source;
    size_t i = 0;

    for (; size_bytes - i >= SHARED_BLOCK_BYTES; i += SHARED_BLOCK_BYTES) {
#pragma GCC unroll 16
        for (size_t j = 0; j < SHARED_BLOCK_BYTES; j += sizeof(shared_wide_unaligned)) {
            *(shared_wide_unaligned *)(void *)(bytes + i + j) =
                *(const volatile shared_wide_unaligned *)(const volatile void *)(shared + i + j);
        }
    }
    for (; i + 4 <= size_bytes; i += 4) {
        *(shared_word_unaligned *)(void *)(bytes + i) =
            *(const volatile shared_word_unaligned *)(const volatile void *)(shared + i);
    }
    for (; i < size_bytes; i++) {
        bytes[i] = shared[i];
    }
}

static inline void shared_copy_out(volatile void *target, const void *source, size_t size_bytes)
{
    volatile uint8_t *shared = target;
    const uint8_t *bytes = source;
    size_t i = 0;

    for (; size_bytes - i >= SHARED_BLOCK_BYTES; i += SHARED_BLOCK_BYTES) {
#pragma GCC unroll 16
        for (size_t j = 0; j < SHARED_BLOCK_BYTES; j += sizeof(shared_wide_unaligned)) {
            *(volatile shared_wide_unaligned *)(volatile void *)(shared + i + j) =
                *(const shared_wide_unaligned *)(const void *)(bytes + i + j);
        }
    }
    for (; i + 4 <= size_bytes; i += 4) {
        *(volatile shared_word_unaligned *)(volatile void *)(shared + i) =
            *(const shared_word_unaligned *)(const void *)(bytes + i);
    }
    for (; i < size_bytes; i++) {
        shared[i] = bytes[i];
    }
}

/* Orders an earlier write before a later read, for all processors. */
static inline void shared_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
