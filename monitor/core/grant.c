/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a view gives: frames that are nobody's become a partition's, a channel's or a device's. A
 * row is given whole or not at all: first all of its frames are looked at, then all of them change
 * their owner. What is there already stays as it is. Called by generation.c.
 */
#include "grant.h"

#include "channel_frames.h"
#include "device_frames.h"
#include "frames.h"
#include "start_partition.h"

enum grant_result { GRANT_DONE, GRANT_UNFINISHED, GRANT_REFUSED };

static bool frame_can_be_given(uint64_t number, uint32_t owner)
{
    return frame_get(number)->owner == FRAME_OWNER_FREE || frame_get(number)->owner == owner;
}

/* One of the two passes over a run, as far as `left` frames reach. */
static enum grant_result grant_pass(uint64_t first, uint64_t count, uint32_t owner, uint64_t *left)
{
    struct view_progress *progress = &monitor_state()->progress;

    for (; progress->offset < count && *left != 0; progress->offset++, (*left)--) {
        uint64_t number = first + progress->offset;

        if (progress->checked != 0) {
            frame_get(number)->owner = (uint16_t)owner;
        } else if (!frame_can_be_given(number, owner)) {
            return GRANT_REFUSED;
        }
    }
    return progress->offset < count ? GRANT_UNFINISHED : GRANT_DONE;
}

static enum grant_result grant_run(uint64_t first, uint64_t count, uint32_t owner, uint64_t *left)
{
    struct view_progress *progress = &monitor_state()->progress;
    enum grant_result result = grant_pass(first, count, owner, left);

    if (result == GRANT_DONE && progress->checked == 0) {
        progress->checked = 1;
        progress->offset = 0;
        result = grant_pass(first, count, owner, left);
    }
    if (result != GRANT_UNFINISHED) {
        progress->checked = 0;
        progress->offset = 0;
    }
    return result;
}

/* In its partition's run of rows, in the machine, and none of an earlier row of that run. */
static bool extent_is_lawful(const struct view_body *body, uint32_t row)
{
    const struct view_extent *extent = &body->extents[row];
    const struct view_partition *view = &body->partitions[extent->partition];
    uint64_t frame_count = monitor_state()->device_first_frame; /* registers are no memory */

    if (row - view->first_extent >= view_extent_count(body, view) ||
        extent->machine_frame > frame_count ||
        extent->frame_count > frame_count - extent->machine_frame) {
        return false;
    }
    for (uint32_t earlier = view->first_extent; earlier < row; earlier++) {
        const struct view_extent *other = &body->extents[earlier];

        if (other->partition == extent->partition &&
            extent->machine_frame < other->machine_frame + other->frame_count &&
            other->machine_frame < extent->machine_frame + extent->frame_count) {
            return false;
        }
    }
    return true;
}

static enum grant_result grant_extent(const struct view_body *body, uint32_t row, uint64_t *left)
{
    const struct view_extent *extent = &body->extents[row];
    enum grant_result result = GRANT_REFUSED;

    /* What belongs to nobody is given to nobody. */
    if (extent->partition == 0 || extent->partition >= PARTITION_LIMIT ||
        monitor_state()->partitions[extent->partition].state == PARTITION_ABSENT) {
        return GRANT_DONE;
    }
    if (extent_is_lawful(body, row)) {
        result = grant_run(extent->machine_frame, extent->frame_count, extent->partition, left);
    }
    if (result == GRANT_REFUSED) {
        start_refuse(extent->partition, 0, extent->machine_frame, ERROR_not_owner);
    }
    return result;
}

bool grant_extents(const struct view_body *body)
{
    struct view_progress *progress = &monitor_state()->progress;
    uint64_t left = VIEW_STEP_SCAN_LIMIT;

    for (; progress->cursor < body->extent_count; progress->cursor++) {
        uint32_t row = (uint32_t)progress->cursor;
        uint64_t bit = 1ull << row % 64;

        if ((progress->changed_rows[row / 64] & bit) == 0) {
            continue;
        }
        if (grant_extent(body, row, &left) == GRANT_UNFINISHED) {
            return false;
        }
        progress->changed_rows[row / 64] &= ~bit;
    }
    return true;
}

static void channel_claim(struct channel_record *record, const struct view_channel *view)
{
    record->machine_frame = view->machine_frame;
    record->frame_count = view->frame_count;
    for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
        record->partitions[side] = view->ends[side].partition;
        record->flags[side] = view->ends[side].flags;
    }
    record->state = CHANNEL_CLAIMING;
}

/* A channel whose frames are somebody else's is not there: both ends find out when they map it. */
static enum grant_result grant_channel(const struct view_channel *view, uint32_t row,
                                       uint64_t *left)
{
    struct channel_record *record = &monitor_state()->channels[row];
    enum grant_result result;

    if (record->state == CHANNEL_MAPPED || !channel_is_lawful(view)) {
        return GRANT_DONE;
    }
    if (record->state == CHANNEL_ABSENT) {
        channel_claim(record, view);
    }
    result = grant_run(view->machine_frame, view->frame_count, FRAME_OWNER_CHANNEL + row, left);
    if (result == GRANT_DONE) {
        record->state = CHANNEL_MAPPED;
    } else if (result == GRANT_REFUSED) {
        record->state = CHANNEL_ABSENT;
    }
    return result;
}

bool grant_channels(const struct view_body *body)
{
    struct view_progress *progress = &monitor_state()->progress;
    uint64_t left = VIEW_STEP_SCAN_LIMIT;

    for (; progress->cursor < body->channel_count; progress->cursor++) {
        uint32_t row = (uint32_t)progress->cursor;

        if (grant_channel(&body->channels[row], row, &left) == GRANT_UNFINISHED) {
            return false;
        }
    }
    return true;
}

/* Registers that another row has already: this one's owner finds out when it maps them. */
static enum grant_result grant_device(const struct view_device *view, uint32_t row, uint64_t *left)
{
    struct device_record *record = &monitor_state()->devices[row];
    enum grant_result result;

    if (record->state == CHANNEL_MAPPED || !device_is_lawful(view)) {
        return GRANT_DONE;
    }
    *record = (struct device_record){view->machine_frame, view->frame_count, view->partition,
                                     CHANNEL_CLAIMING};
    result = grant_run(view->machine_frame, view->frame_count, FRAME_OWNER_DEVICE + row, left);
    if (result == GRANT_DONE) {
        record->state = CHANNEL_MAPPED;
    } else if (result == GRANT_REFUSED) {
        record->state = CHANNEL_ABSENT;
    }
    return result;
}

bool grant_devices(const struct view_body *body)
{
    struct view_progress *progress = &monitor_state()->progress;
    uint64_t left = VIEW_STEP_SCAN_LIMIT;

    for (; progress->cursor < body->device_count; progress->cursor++) {
        uint32_t row = (uint32_t)progress->cursor;

        if (grant_device(&body->devices[row], row, &left) == GRANT_UNFINISHED) {
            return false;
        }
    }
    return true;
}
