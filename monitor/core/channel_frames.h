/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that two partitions may map; see channel_frames.c. */
#ifndef CHANNEL_FRAMES_H
#define CHANNEL_FRAMES_H

#include "frames.h"
#include "view_reader.h"

static inline bool frame_is_channels(const struct frame *frame)
{
    return frame->owner >= FRAME_OWNER_CHANNEL &&
           frame->owner < FRAME_OWNER_CHANNEL + CHANNEL_LIMIT;
}

static inline struct channel_record *channel_of(const struct frame *frame)
{
    return &monitor_state()->channels[frame->owner - FRAME_OWNER_CHANNEL];
}

/* For an entry of the partition whose frame is not its own: as entry_take does. */
enum error channel_entry_take(uint32_t partition, uint32_t level, uint64_t value);
/* The side's part of a reference that has been dropped; nothing when no channel has the frame. */
void channel_entry_drop(uint32_t partition, uint64_t number);

/* How often the side refers to a frame of its channel. */
uint32_t channel_side_count(const struct frame *frame, uint32_t side);

/* Whether the record is the very channel that the view's row describes, and the row is lawful. */
bool channel_is_in_view(const struct channel_record *record, const struct view_channel *view);
/* Whether a row says something that can be: two ends, frames of the machine. */
bool channel_is_lawful(const struct view_channel *view);

#endif
