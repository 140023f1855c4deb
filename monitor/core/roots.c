/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Roots of address spaces: a table that a virtual processor runs on, or is about to,
 * counts like a parent, so that it cannot be unpinned. A 64-bit guest gives level-4
 * tables, one a mode. A 32-bit guest gives one level-3 table, of which the first four
 * entries are used: it hangs below a level-4 table that the monitor keeps for each virtual
 * processor. Called by processor.c, start_partition.c, trap.c and the dispatcher.
 */
#include "roots.h"

#include "hypercall.h"
#include "tables.h"

enum error root_take(uint32_t partition, uint64_t frame)
{
    if (!frame_is_owned(frame, partition)) {
        return ERROR_not_owner;
    }
    if (frame_table_level(frame_get(frame)) != partition_root_level(partition)) {
        return ERROR_type_conflict;
    }
    return frame_take(frame, table_type(partition_root_level(partition)));
}

void root_drop(uint64_t frame)
{
    frame_drop(frame, table_type(frame_table_level(frame_get(frame))));
}

static uint64_t root_address_32(const struct virtual_processor *record)
{
    uint64_t address = MONITOR_ROOTS_ADDRESS + (uint64_t)record->id * PAGE_SIZE_BYTES;
    uint64_t *entries = machine_pointer(address);

    for (uint32_t slot = 0; slot < MONITOR_SLOT_COUNT; slot++) {
        entries[MONITOR_SLOT_FIRST + slot] = monitor_state()->monitor_entries[slot];
    }
    entries[0] = 0;
    if (record->kernel_root_frame != 0) {
        entries[0] = record->kernel_root_frame << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_WRITABLE |
                     ENTRY_USER | ENTRY_ACCESSED;
    }
    return address;
}

void root_activate(struct virtual_processor *record)
{
    if (record_is_32(record)) {
        record->root_address = root_address_32(record);
    } else {
        record->root_address =
            (record->user_mode != 0 ? record->user_root_frame : record->kernel_root_frame)
            << PAGE_SHIFT;
    }
}

void roots_enter(struct virtual_processor *record, uint64_t kernel_frame, uint64_t user_frame)
{
    record->kernel_root_frame = kernel_frame;
    record->user_root_frame = user_frame;
    root_activate(record);
}

void roots_release(struct virtual_processor *record)
{
    root_drop(record->kernel_root_frame);
    if (record->user_root_frame != 0) {
        root_drop(record->user_root_frame);
    }
    roots_enter(record, 0, 0);
}

int64_t hc_roots_set(struct virtual_processor *caller)
{
    uint64_t kernel_root = argument(caller, 0);
    uint64_t user_root = argument(caller, 1);
    enum error error = root_take(caller->partition, kernel_root);

    if (error != ERROR_none) {
        return -(int64_t)error;
    }
    if (user_root != 0 && record_is_32(caller)) {
        root_drop(kernel_root);
        return -ERROR_invalid_argument;
    }
    if (user_root != 0) {
        error = root_take(caller->partition, user_root);
        if (error != ERROR_none) {
            root_drop(kernel_root);
            return -(int64_t)error;
        }
    }
    /* The lock is held until the new root is loaded: nobody changes the old one before. */
    roots_release(caller);
    roots_enter(caller, kernel_root, user_root);
    platform_root_load(caller);
    return 0;
}
