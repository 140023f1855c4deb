/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing entries of pinned tables: every new reference is taken first, then the
 * entries are written without an error path, and stale translations are gone before
 * the call returns, so before a frame can take another type. Called by the dispatcher.
 */
#include <stddef.h>

#include "guest_memory.h"
#include "hypercall.h"
#include "tables.h"

/* The level of the pinned table that an entry lies in; ERROR_none, or why it may not be written. */
static enum error update_check(uint32_t partition, uint64_t entry_address, uint32_t *level)
{
    uint64_t frame = entry_address >> PAGE_SHIFT;

    if (entry_address % sizeof(uint64_t) != 0) {
        return ERROR_invalid_argument;
    }
    if (!frame_is_owned(frame, partition)) {
        return ERROR_not_owner;
    }
    *level = frame_table_level(frame_get(frame));
    if (*level == 0) {
        return ERROR_type_conflict;
    }
    if (table_slot_is_closed(partition, *level,
                             entry_address % PAGE_SIZE_BYTES / sizeof(uint64_t))) {
        return ERROR_invalid_argument;
    }
    return ERROR_none;
}

/* Its table cannot lose its type while the call lasts: every level is as it was checked. */
static uint32_t update_level(const struct table_update *update)
{
    return frame_table_level(frame_get(update->entry_address >> PAGE_SHIFT));
}

/* All or none. */
static enum error updates_take(uint32_t partition, const struct table_update *updates,
                               uint64_t count)
{
    for (uint64_t index = 0; index < count; index++) {
        uint32_t level = 0;
        enum error error = update_check(partition, updates[index].entry_address, &level);

        if (error == ERROR_none) {
            error = entry_take(partition, level, updates[index].value);
        }
        if (error != ERROR_none) {
            while (index-- > 0) {
                entry_drop(partition, update_level(&updates[index]), updates[index].value);
            }
            return error;
        }
    }
    return ERROR_none;
}

/* Writes one entry and drops what it stood for; true when a translation may be left behind. */
static bool entry_replace(uint32_t partition, uint64_t *entry, uint32_t level, uint64_t value)
{
    uint64_t old = platform_exchange(entry, value);

    entry_drop(partition, level, old);
    return (old & ENTRY_PRESENT) != 0;
}

int64_t hc_table_update(struct virtual_processor *caller)
{
    struct table_update updates[TABLE_UPDATE_LIMIT];
    uint64_t count = argument(caller, 1);
    enum error error;
    bool flush = false;

    if (count > TABLE_UPDATE_LIMIT) {
        return -ERROR_limit;
    }
    error = guest_memory_peek(caller, argument(caller, 0), updates, count * sizeof(updates[0]));
    if (error == ERROR_none) {
        error = updates_take(caller->partition, updates, count);
    }
    if (error != ERROR_none) {
        return -(int64_t)error;
    }
    guest_memory_touch(caller, argument(caller, 0), count * sizeof(updates[0]));
    for (uint64_t index = 0; index < count; index++) {
        flush |= entry_replace(caller->partition, machine_pointer(updates[index].entry_address),
                               update_level(&updates[index]), updates[index].value);
    }
    if (flush) {
        platform_translation_flush(caller->partition, TRANSLATION_ALL);
    }
    for (uint64_t index = 0; index < count; index++) {
        entry_settle(update_level(&updates[index]), updates[index].value);
    }
    return 0;
}

/*
 * The level-1 entry for an address, or NULL. A table that hangs in several places maps
 * its pages at several addresses: then one page is not enough to flush, *shared says so.
 */
static uint64_t *mapping_entry(const struct virtual_processor *caller, uint64_t address,
                               bool *shared)
{
    uint64_t frame = caller->kernel_root_frame;
    uint64_t entry;

    for (uint32_t level = width_root_level(caller->width); level > 1; level--) {
        entry =
            table_entries(frame)[(address >> (PAGE_SHIFT + 9 * (level - 1))) % TABLE_ENTRY_COUNT];
        if ((entry & ENTRY_PRESENT) == 0) {
            return NULL;
        }
        frame = (entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT;
        /* The pin and one parent. */
        *shared |= frame_get(frame)->type_count > 2;
    }
    return &table_entries(frame)[(address >> PAGE_SHIFT) % TABLE_ENTRY_COUNT];
}

int64_t hc_mapping_update(struct virtual_processor *caller)
{
    uint64_t address = argument(caller, 0);
    uint64_t value = argument_wide(caller, 1);
    bool shared = false;
    uint64_t *entry;
    enum error error;

    if (!address_is_own(caller, address) || address % PAGE_SIZE_BYTES != 0) {
        return -ERROR_invalid_argument;
    }
    entry = mapping_entry(caller, address, &shared);
    if (entry == NULL) {
        return -ERROR_not_found;
    }
    error = entry_take(caller->partition, 1, value);
    if (error != ERROR_none) {
        return -(int64_t)error;
    }
    if (entry_replace(caller->partition, entry, 1, value)) {
        platform_translation_flush(caller->partition, shared ? TRANSLATION_ALL : address);
    }
    entry_settle(1, value);
    return 0;
}

int64_t hc_translation_flush(struct virtual_processor *caller)
{
    uint64_t address = argument(caller, 0);

    if (record_is_32(caller) && address == (uint32_t)TRANSLATION_ALL) {
        address = TRANSLATION_ALL;
    }
    if (address != TRANSLATION_ALL &&
        (!address_is_own(caller, address) || address % PAGE_SIZE_BYTES != 0)) {
        return -ERROR_invalid_argument;
    }
    platform_translation_flush(caller->partition, address);
    return 0;
}
