/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comes before shared_word.h in the tests' builds of the guests' code, and puts a look of the
 * simulation before each access to shared memory: a server dies there, or the other end lies.
 */
#ifndef WATCHED_WORD_H
#define WATCHED_WORD_H

#include "../../guest_kernels/common/shared_word.h"

/* Before an access to shared memory. Need not return. */
void watch_access(void);
/* What the reader gets instead of the bytes that it has read. */
void watch_read(void *bytes, size_t size_bytes);

static inline uint32_t watched_read_32(const volatile uint32_t *word)
{
    uint32_t value;

    watch_access();
    value = shared_read_32(word);
    watch_read(&value, sizeof(value));
    return value;
}

static inline void watched_copy_in(void *target, const volatile void *source, size_t size_bytes)
{
    watch_access();
    shared_copy_in(target, source, size_bytes);
    watch_read(target, size_bytes);
}

#define shared_read_32(word) watched_read_32(word)
#define shared_copy_in(target, source, size_bytes) watched_copy_in(target, source, size_bytes)
#define shared_write_32(word, value) (watch_access(), shared_write_32(word, value))
#define shared_write_64(word, value) (watch_access(), shared_write_64(word, value))
#define shared_copy_out(target, source, size_bytes)                                                \
    (watch_access(), shared_copy_out(target, source, size_bytes))

#endif
