/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Roots of address spaces: a level-4 table that a virtual processor runs on, or is
 * about to, counts like a parent, so that it cannot be unpinned. Called by
 * processor.c, start.c and the dispatcher.
 */
#include "roots.h"

#include "hypercall.h"
#include "tables.h"

enum error root_take(uint32_t partition, uint64_t frame)
{
    if (!frame_is_owned(frame, partition)) {
        return ERROR_not_owner;
    }
    if (frame_table_level(frame_get(frame)) != 4) {
        return ERROR_type_conflict;
    }
    return frame_take(frame, FRAME_TABLE_4);
}

void root_drop(uint64_t frame)
{
    frame_drop(frame, FRAME_TABLE_4);
}

void roots_release(struct virtual_processor *record)
{
    if (record->kernel_root_frame != 0) {
        root_drop(record->kernel_root_frame);
    }
    if (record->user_root_frame != 0) {
        root_drop(record->user_root_frame);
    }
    record->kernel_root_frame = 0;
    record->user_root_frame = 0;
}

int64_t hc_roots_set(struct virtual_processor *caller)
{
    uint64_t kernel_root = argument(caller, 0);
    uint64_t user_root = argument(caller, 1);
    enum error error = root_take(caller->partition, kernel_root);

    if (error != ERROR_none) {
        return -(int64_t)error;
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
    caller->kernel_root_frame = kernel_root;
    caller->user_root_frame = user_root;
    platform_root_load(caller);
    return 0;
}
