/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the monitor's data: numbers to structures, nothing else. Used by every
 * file of the core. Pointers that come from here are never stored.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>

#include "platform.h"

#define LIKELY(condition) __builtin_expect((condition), 1)
#define UNLIKELY(condition) __builtin_expect((condition), 0)

/* Keeps the compiler from computing a pointer anew, out of wide constants, at every use. */
#define POINTER_KEEP(pointer) __asm__("" : "+r"(pointer))

/* What a guest may have in RFLAGS: CF PF AF ZF SF TF DF OF AC ID; IF and bit 1 are always set. */
#define RFLAGS_GUEST 0x240dd5u
#define RFLAGS_FIXED 0x202u

static inline struct monitor *monitor_state(void)
{
    return machine_pointer(MONITOR_STATE_ADDRESS);
}

static inline struct virtual_processor *record_get(uint32_t id)
{
    struct monitor *monitor = monitor_state();

    return id < IDLE_ID_FIRST ? &monitor->virtual_processors[id]
                              : &monitor->idle[id - IDLE_ID_FIRST];
}

static inline bool record_is_idle(const struct virtual_processor *record)
{
    return record->id >= IDLE_ID_FIRST;
}

/* Not on the shortest path: a call through `syscall` comes of a 64-bit guest. */
static inline bool record_is_32(const struct virtual_processor *record)
{
    return UNLIKELY(record->width == 32);
}

/* The level of the tables that guests of a width give as roots. */
static inline uint32_t width_root_level(uint32_t width)
{
    return width == 32 ? 3 : 4;
}

static inline struct partition *partition_of(const struct virtual_processor *record)
{
    struct partition *partition = &monitor_state()->partitions[record->partition];

    POINTER_KEEP(partition);
    return partition;
}

static inline uint32_t partition_root_level(uint32_t partition)
{
    return width_root_level(monitor_state()->partitions[partition].width);
}

/* It has started and has not stopped. */
static inline bool partition_is_living(const struct partition *partition)
{
    return partition->state == PARTITION_RUNNING || partition->state == PARTITION_PAUSED;
}

static inline struct processor *processor_of(const struct virtual_processor *record)
{
    struct processor *processor = &monitor_state()->processors[record->processor];

    POINTER_KEEP(processor);
    return processor;
}

/* Its guest writes this page at any time: each word is read once. */
static inline volatile struct shared_page *shared_page_of(const struct virtual_processor *record)
{
    return machine_pointer(record->shared_frame << PAGE_SHIFT);
}

/* Canonical, and not in the slots of the monitor. */
static inline bool address_is_canonical(uint64_t address)
{
    return (address >> 47) == 0 || (address >> 47) == 0x1ffff;
}

static inline bool address_is_guest(uint64_t address)
{
    uint64_t slot = (address >> 39) % TABLE_ENTRY_COUNT;

    return address_is_canonical(address) &&
           (slot < MONITOR_SLOT_FIRST || slot >= MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT);
}

/* An address that the record's code can name, and that is not the monitor's. */
static inline bool address_is_own(const struct virtual_processor *record, uint64_t address)
{
    return record_is_32(record) ? address <= UINT32_MAX : address_is_guest(address);
}

#endif
