/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Direct paging: what a page-table entry may say, and when a frame may be a table.
 * This file is the containment of memory. Guests pin from the bottom up, so that a
 * check never goes deeper than one table. Called by table_update.c, start_partition.c,
 * revocation.c and the dispatcher. Knows nothing of who runs.
 */
#include "tables.h"

#include "channel_frames.h"
#include "hypercall.h"

#define ENTRY_BITS_ALLOWED                                                                         \
    (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_WRITE_THROUGH | ENTRY_CACHE_DISABLE |     \
     ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_SOFTWARE | ENTRY_NO_EXECUTE | ENTRY_FRAME_MASK)

/* The type that an entry needs of the frame it names. */
static enum frame_type entry_type(uint32_t level, uint64_t value)
{
    if (level > 1) {
        return table_type(level - 1);
    }
    if ((value & ENTRY_WRITABLE) != 0) {
        return FRAME_WRITABLE;
    }
    return (value & ENTRY_NO_EXECUTE) == 0 ? FRAME_EXECUTABLE : FRAME_NONE;
}

enum error entry_take(uint32_t partition, uint32_t level, uint64_t value)
{
    uint64_t frame = entry_frame(value);

    if ((value & ENTRY_PRESENT) == 0) {
        return ERROR_none;
    }
    if ((value & ~(uint64_t)ENTRY_BITS_ALLOWED) != 0) {
        return ERROR_invalid_argument;
    }
    /* The kernel of a 64-bit guest shares ring 3 with its user mode. */
    if ((value & ENTRY_USER) == 0 && partition_root_level(partition) == 4) {
        return ERROR_invalid_argument;
    }
    if (!frame_is_owned(frame, partition)) {
        return channel_entry_take(partition, level, value);
    }
    if (level == 1) {
        if ((value & ENTRY_WRITABLE) != 0 && (value & ENTRY_NO_EXECUTE) == 0) {
            return ERROR_type_conflict;
        }
    } else if (frame_table_level(frame_get(frame)) != level - 1) {
        return ERROR_type_conflict;
    }
    return frame_take(frame, entry_type(level, value));
}

void entry_drop(uint32_t partition, uint32_t level, uint64_t value)
{
    if ((value & ENTRY_PRESENT) != 0) {
        frame_drop(entry_frame(value), entry_type(level, value));
        channel_entry_drop(partition, entry_frame(value));
    }
}

void entry_settle(uint32_t level, uint64_t value)
{
    if (level == 1 && (value & ENTRY_PRESENT) != 0) {
        frame_settle(entry_frame(value), entry_type(level, value));
    }
}

/* All entries or none: what was taken is dropped again on the first refusal. */
static enum error table_take_entries(uint32_t partition, uint64_t frame, uint32_t level)
{
    const uint64_t *entries = table_entries(frame);

    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        enum error error = ERROR_none;

        if (!table_slot_is_closed(partition, level, slot)) {
            error = entry_take(partition, level, entries[slot]);
        } else if (entries[slot] != 0) {
            error = ERROR_invalid_argument;
        }
        if (error != ERROR_none) {
            while (slot-- > 0) {
                entry_drop(partition, level, entries[slot]);
            }
            return error;
        }
    }
    return ERROR_none;
}

enum error table_pin(uint32_t partition, uint64_t frame, uint32_t level)
{
    uint64_t *entries;
    enum error error;

    if (level < 1 || level > partition_root_level(partition)) {
        return ERROR_invalid_argument;
    }
    if (!frame_is_owned(frame, partition)) {
        return ERROR_not_owner;
    }
    if (frame_table_level(frame_get(frame)) != 0) {
        return ERROR_busy;
    }
    if (frame_get(frame)->type_count != 0) {
        return ERROR_type_conflict;
    }
    /* The type comes first: a table that maps itself writable is refused by it. */
    error = frame_take(frame, table_type(level));
    MONITOR_ASSERT(error == ERROR_none);
    error = table_take_entries(partition, frame, level);
    if (error != ERROR_none) {
        frame_drop(frame, table_type(level));
        return error;
    }
    frame_settle(frame, table_type(level));
    entries = table_entries(frame);
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        if (table_slot_is_monitors(level, slot)) {
            entries[slot] = monitor_state()->monitor_entries[slot - MONITOR_SLOT_FIRST];
        } else {
            entry_settle(level, entries[slot]);
        }
    }
    return ERROR_none;
}

static void table_unpin(uint32_t partition, uint64_t frame, uint32_t level)
{
    uint64_t *entries = table_entries(frame);

    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        if (table_slot_is_monitors(level, slot)) {
            entries[slot] = 0;
        } else {
            entry_drop(partition, level, entries[slot]);
        }
    }
    frame_drop(frame, table_type(level));
}

int64_t hc_table_pin(struct virtual_processor *caller)
{
    uint64_t level = argument(caller, 1);

    if (level > UINT32_MAX) {
        return -ERROR_invalid_argument;
    }
    return -(int64_t)table_pin(caller->partition, argument(caller, 0), (uint32_t)level);
}

int64_t hc_table_unpin(struct virtual_processor *caller)
{
    uint64_t frame = argument(caller, 0);
    uint32_t level;

    if (!frame_is_owned(frame, caller->partition)) {
        return -ERROR_not_owner;
    }
    level = frame_table_level(frame_get(frame));
    if (level == 0) {
        return -ERROR_type_conflict;
    }
    /* Parents and roots count like the pin: only the pin itself may be left. */
    if (frame_get(frame)->type_count != 1) {
        return -ERROR_busy;
    }
    table_unpin(caller->partition, frame, level);
    platform_translation_flush(caller->partition, TRANSLATION_ALL);
    return 0;
}
