/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame table: who owns a machine frame, as what it is used, how often. Types
 * exclude each other while their count is above zero: this is what keeps a guest
 * from writing its page tables. Called by tables.c, channel_frames.c, roots.c, start.c,
 * start_partition.c, grant.c and revocation.c. Does not
 * know what an entry looks like.
 */
#include "frames.h"

#include "hypercall.h"
#include "memory.h"

uint64_t frames_monitor_end(void)
{
    uint64_t end = FRAME_TABLE_ADDRESS + monitor_state()->frame_count * sizeof(struct frame);

    return (end + PAGE_SIZE_BYTES - 1) >> PAGE_SHIFT;
}

enum error frame_take(uint64_t number, enum frame_type type)
{
    struct frame *frame = frame_get(number);

    if (type != FRAME_NONE) {
        if (frame->type_count != 0 && frame->type != type) {
            return ERROR_type_conflict;
        }
        MONITOR_ASSERT(frame->type_count != UINT32_MAX);
        frame->type = (uint8_t)type;
        frame->type_count++;
    }
    MONITOR_ASSERT(frame->reference_count != UINT32_MAX);
    frame->reference_count++;
    return ERROR_none;
}

void frame_drop(uint64_t number, enum frame_type type)
{
    struct frame *frame = frame_get(number);

    MONITOR_ASSERT(frame->reference_count != 0);
    frame->reference_count--;
    if (type != FRAME_NONE) {
        MONITOR_ASSERT(frame->type == type && frame->type_count != 0);
        frame->type_count--;
        if (frame->type_count == 0) {
            frame->type = FRAME_NONE;
        }
    }
}

/*
 * Translated code of a frame is dropped when it becomes executable again, not when
 * it is written: before the mapping stands, an engine does not find the code.
 */
void frame_settle(uint64_t number, enum frame_type type)
{
    struct frame *frame = frame_get(number);

    if (type == FRAME_EXECUTABLE) {
        bool stale = (frame->flags & FRAME_FLAG_STALE) != 0;

        frame->flags = FRAME_FLAG_EXECUTED;
        if (stale) {
            platform_code_changed(frame->owner, number);
        }
    } else if (type != FRAME_NONE && (frame->flags & FRAME_FLAG_EXECUTED) != 0) {
        frame->flags |= FRAME_FLAG_STALE;
    }
}

void frame_free(uint64_t number)
{
    struct frame *frame = frame_get(number);

    memory_clear(machine_pointer(number << PAGE_SHIFT), PAGE_SIZE_BYTES);
    frame->owner = FRAME_OWNER_FREE;
    frame->type = FRAME_NONE;
    frame->type_count = 0;
    frame->reference_count = 0;
    frame->second_count = 0;
    if ((frame->flags & FRAME_FLAG_EXECUTED) != 0) {
        frame->flags |= FRAME_FLAG_STALE;
    }
}

int64_t hc_frames_release(struct virtual_processor *caller)
{
    uint64_t first = argument(caller, 0);
    uint64_t count = argument(caller, 1);

    if (count > FRAMES_RELEASE_LIMIT) {
        return -ERROR_limit;
    }
    /* The first has to be a frame of the machine before any other is looked at: no sum wraps. */
    for (uint64_t index = 0; index < count; index++) {
        if (!frame_is_owned(first + index, caller->partition)) {
            return -ERROR_not_owner;
        }
        /* Each use of a type is a reference, too. */
        if (frame_get(first + index)->reference_count != 0) {
            return -ERROR_busy;
        }
    }
    for (uint64_t index = 0; index < count; index++) {
        frame_free(first + index);
    }
    return 0;
}
