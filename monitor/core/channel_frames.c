/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels, as far as containment goes: which two partitions may map a frame, how, and how
 * often each does. A channel's frames are never executable, never a table, never pinned.
 * Called by tables.c, grant.c, revocation.c and generation.c. Knows nothing of what is in them.
 */
#include "channel_frames.h"

#include "device_frames.h"
#include "tables.h"

static bool channel_side_find(const struct channel_record *channel, uint32_t partition,
                              uint32_t *side)
{
    *side = channel->partitions[1] == partition ? 1 : 0;
    return channel->partitions[*side] == partition;
}

enum error channel_entry_take(uint32_t partition, uint32_t level, uint64_t value)
{
    uint64_t number = entry_frame(value);
    bool writable = (value & ENTRY_WRITABLE) != 0;
    const struct channel_record *channel;
    struct frame *frame;
    uint32_t side;
    enum error error;

    if (number >= monitor_state()->device_first_frame || !frame_is_channels(frame_get(number))) {
        return device_entry_take(partition, level, value);
    }
    frame = frame_get(number);
    channel = channel_of(frame);
    if (channel->state != CHANNEL_MAPPED || !channel_side_find(channel, partition, &side)) {
        return ERROR_not_owner;
    }
    if (level != 1 || (value & ENTRY_NO_EXECUTE) == 0 ||
        (writable && (channel->flags[side] & CHANNEL_END_WRITABLE) == 0)) {
        return ERROR_type_conflict;
    }
    error = frame_take(number, writable ? FRAME_WRITABLE : FRAME_NONE);
    MONITOR_ASSERT(error == ERROR_none); /* no frame of a channel has another type */
    frame->second_count += side;
    return ERROR_none;
}

void channel_entry_drop(uint32_t partition, uint64_t number)
{
    struct frame *frame = frame_get(number);

    if (UNLIKELY(frame_is_channels(frame))) {
        frame->second_count -= channel_of(frame)->partitions[1] == partition;
    }
}

uint32_t channel_side_count(const struct frame *frame, uint32_t side)
{
    return side == 1 ? frame->second_count : frame->reference_count - frame->second_count;
}

bool channel_is_lawful(const struct view_channel *view)
{
    uint64_t frame_count = monitor_state()->device_first_frame;
    uint32_t first = view->ends[0].partition;
    uint32_t second = view->ends[1].partition;

    return view->state == VIEW_CHANNEL_mapped && first != second && first != 0 && second != 0 &&
           first < PARTITION_LIMIT && second < PARTITION_LIMIT &&
           view->machine_frame <= frame_count && view->frame_count != 0 &&
           view->frame_count <= frame_count - view->machine_frame;
}

bool channel_is_in_view(const struct channel_record *record, const struct view_channel *view)
{
    if (!channel_is_lawful(view) || record->machine_frame != view->machine_frame ||
        record->frame_count != view->frame_count) {
        return false;
    }
    for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
        if (record->partitions[side] != view->ends[side].partition ||
            record->flags[side] != view->ends[side].flags) {
            return false;
        }
    }
    return true;
}
