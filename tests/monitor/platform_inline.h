/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leaf operations of a fake processor: machine memory is an array, the clock is
 * a number that a test sets, and the lock only checks that it is used in pairs.
 * Found by the core through the include path, like the two real ones.
 */
#ifndef PLATFORM_INLINE_H
#define PLATFORM_INLINE_H

#include <stdint.h>

#define FAKE_FRAME_COUNT 4096u
#define FAKE_PROCESSOR_COUNT 8u

struct virtual_processor;

extern uint8_t *fake_memory;
extern uint64_t fake_times[FAKE_PROCESSOR_COUNT];

/* The bases of a running record are the processor's: what the record says is old. */
void platform_bases_save(struct virtual_processor *current);
void platform_bases_load(const struct virtual_processor *current);
void platform_selectors_save(struct virtual_processor *current);
void platform_selectors_load(struct virtual_processor *current);

_Noreturn void fake_misuse(const char *what);

static inline void *machine_pointer(uint64_t machine_address)
{
    if (machine_address >= (uint64_t)FAKE_FRAME_COUNT * 4096) {
        fake_misuse("machine_pointer beyond the end of memory");
    }
    return fake_memory + machine_address;
}

static inline void platform_lock(uint32_t *lock)
{
    if (*lock != 0) {
        fake_misuse("the lock was taken twice");
    }
    *lock = 1;
}

static inline void platform_unlock(uint32_t *lock)
{
    if (*lock != 1) {
        fake_misuse("the lock was released twice");
    }
    *lock = 0;
}

static inline uint64_t platform_time(uint32_t processor)
{
    return fake_times[processor];
}

static inline uint64_t platform_exchange(uint64_t *word, uint64_t value)
{
    uint64_t old = *word;

    *word = value;
    return old;
}

static inline void platform_or(uint64_t *word, uint64_t bits)
{
    *word |= bits;
}

#endif
