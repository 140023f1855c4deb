/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The leaf operations of monitor/platform.h, executed by the emulated processor. */
#ifndef PLATFORM_INLINE_H
#define PLATFORM_INLINE_H

#include <stdint.h>

#include "core/machine_map.h"
#include "core/monitor.h"

#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u /* inside the monitor: the guest's GS base */

static inline void *machine_pointer(uint64_t machine_address)
{
    return (void *)(MONITOR_DIRECT_ADDRESS + machine_address);
}

static inline void platform_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1u, __ATOMIC_ACQUIRE) != 0) {
        __asm__ volatile("pause");
    }
}

static inline void platform_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0u, __ATOMIC_RELEASE);
}

static inline uint64_t platform_time(uint32_t processor)
{
    uint32_t low;
    uint32_t high;
    (void)processor;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t platform_exchange(uint64_t *word, uint64_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline void platform_or(uint64_t *word, uint64_t bits)
{
    (void)__atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

static inline uint64_t msr_read(uint32_t number)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t number, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline void platform_bases_save(struct virtual_processor *current)
{
    current->fs_base = msr_read(MSR_FS_BASE);
    current->gs_base = msr_read(MSR_KERNEL_GS_BASE);
}

static inline void platform_bases_load(const struct virtual_processor *current)
{
    msr_write(MSR_FS_BASE, current->fs_base);
    msr_write(MSR_KERNEL_GS_BASE, current->gs_base);
}

/* GS: `swapgs` moves its base only, so the selector in it is the guest's. */
static inline void platform_selectors_save(struct virtual_processor *current)
{
    uint64_t ds;
    uint64_t es;
    uint64_t fs;
    uint64_t gs;
    __asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%fs, %2\n\tmov %%gs, %3"
                     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    current->selectors = (ds & 0xffff) | (es & 0xffff) << 16 | (fs & 0xffff) << 32 | gs << 48;
}

static inline void platform_selectors_load(struct virtual_processor *current)
{
    uint64_t selectors = current->selectors;
    __asm__ volatile("mov %k0, %%ds\n\tmov %k1, %%es\n\tmov %k2, %%fs\n\t"
                     "swapgs\n\tmov %k3, %%gs\n\tswapgs"
                     :
                     : "r"(selectors & 0xffff), "r"(selectors >> 16 & 0xffff),
                       "r"(selectors >> 32 & 0xffff), "r"(selectors >> 48)
                     : "memory");
}

#endif
