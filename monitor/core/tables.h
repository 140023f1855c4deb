/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Validation of page-table entries and whole tables; see tables.c. */
#ifndef TABLES_H
#define TABLES_H

#include "frames.h"

static inline enum frame_type table_type(uint32_t level)
{
    return (enum frame_type)(FRAME_TABLE_1 + level - 1);
}

static inline uint64_t *table_entries(uint64_t frame)
{
    return machine_pointer(frame << PAGE_SHIFT);
}

/* In a level-4 table, the slots that no guest may touch. */
static inline bool table_slot_is_monitors(uint32_t level, uint64_t slot)
{
    return level == 4 && slot >= MONITOR_SLOT_FIRST &&
           slot < MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT;
}

/* Those, and what of a 32-bit guest's root lies above its 4 GiB: these stay 0. */
static inline bool table_slot_is_closed(uint32_t partition, uint32_t level, uint64_t slot)
{
    return table_slot_is_monitors(level, slot) ||
           (level == 3 && slot >= ROOT_ENTRY_COUNT_32 && partition_root_level(partition) == 3);
}

static inline uint64_t entry_frame(uint64_t value)
{
    return (value & ENTRY_FRAME_MASK) >> PAGE_SHIFT;
}

/* Checks one entry and takes the references it stands for. Undone by entry_drop. */
enum error entry_take(uint32_t partition, uint32_t level, uint64_t value);
void entry_drop(uint32_t partition, uint32_t level, uint64_t value);
/* After it has been written and stale translations are gone. */
void entry_settle(uint32_t level, uint64_t value);

enum error table_pin(uint32_t partition, uint64_t frame, uint32_t level);

#endif
