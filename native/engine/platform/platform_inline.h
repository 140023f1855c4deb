/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The leaf operations of monitor/platform.h for the native build: see there. */
#ifndef PLATFORM_INLINE_H
#define PLATFORM_INLINE_H

#include <stdint.h>

#include "core/monitor.h"

/* Machine address 0 of the machine whose monitor is running, set by its engine. */
extern _Thread_local uint8_t *platform_memory __attribute__((tls_model("initial-exec")));

uint64_t platform_time(uint32_t processor);

static inline void *machine_pointer(uint64_t machine_address)
{
    return platform_memory + machine_address;
}

/* One thread runs a machine, and the native monitor is never interrupted: taken means a bug. */
static inline void platform_lock(uint32_t *lock)
{
    if (__builtin_expect(*lock != 0, 0)) {
        __builtin_trap();
    }
    *lock = 1;
}

static inline void platform_unlock(uint32_t *lock)
{
    *lock = 0;
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

/* The engine's, where they live: platform_native.c. */
void platform_selectors_save(struct virtual_processor *current);
void platform_selectors_load(struct virtual_processor *current);

/* The engine copies the bases with all registers, so the record is always right. */
static inline void platform_bases_save(struct virtual_processor *record)
{
    (void)record;
}

static inline void platform_bases_load(const struct virtual_processor *record)
{
    (void)record;
}

#endif
