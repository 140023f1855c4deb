/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that are a device's registers; see device_frames.c. */
#ifndef DEVICE_FRAMES_H
#define DEVICE_FRAMES_H

#include "frames.h"
#include "view_reader.h"

static inline bool frame_is_devices(const struct frame *frame)
{
    return frame->owner >= FRAME_OWNER_DEVICE && frame->owner < FRAME_OWNER_DEVICE + DEVICE_LIMIT;
}

static inline struct device_record *device_of(const struct frame *frame)
{
    return &monitor_state()->devices[frame->owner - FRAME_OWNER_DEVICE];
}

/* For an entry of the partition whose frame is no memory: as entry_take does. */
enum error device_entry_take(uint32_t partition, uint32_t level, uint64_t value);

/* Whether the record is what the view's row describes, and the row is lawful. */
bool device_is_in_view(const struct device_record *record, const struct view_device *view);
/* Whether a row says something that can be: an owner, and registers. */
bool device_is_lawful(const struct view_device *view);

#endif
