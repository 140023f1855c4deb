/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a view takes away. A frame that nothing refers to is scrubbed and is nobody's. One that
 * is still in use costs its partition its life: that is stopped, every processor leaves it, its
 * tables are searched for entries that name what it loses, and only then the frame goes.
 * Called by generation.c.
 */
#include "revocation.h"

#include "channel_frames.h"
#include "device_frames.h"
#include "partition.h"
#include "roots.h"
#include "tables.h"

static bool extents_cover(const struct view_body *body, uint32_t partition, uint64_t number)
{
    const struct view_partition *view = &body->partitions[partition];
    uint32_t count = view_extent_count(body, view);

    for (uint32_t index = 0; index < count; index++) {
        const struct view_extent *extent = &body->extents[view->first_extent + index];

        if (extent->partition == partition &&
            number - extent->machine_frame < extent->frame_count) {
            return true;
        }
    }
    return false;
}

/* Whether the partition, which may refer to the frame, is to lose it. */
static bool frame_is_revoked(const struct view_body *body, uint32_t partition, uint64_t number)
{
    const struct frame *frame = frame_get(number);

    if (monitor_state()->partitions[partition].condemned != 0) {
        return true;
    }
    if (frame_is_channels(frame)) {
        return channel_of(frame)->state == CHANNEL_LEAVING;
    }
    if (frame_is_devices(frame)) {
        return device_of(frame)->state == CHANNEL_LEAVING;
    }
    return !extents_cover(body, partition, number);
}

static bool partition_is(uint32_t id)
{
    return id != FRAME_OWNER_FREE && id < PARTITION_LIMIT;
}

/* A table that goes lets go of everything; one that stays, of what goes. */
static void table_sever(const struct view_body *body, uint32_t partition, uint64_t number,
                        uint32_t level)
{
    uint64_t *entries = table_entries(number);
    bool all = frame_is_revoked(body, partition, number);

    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        uint64_t value = entries[slot];

        if (table_slot_is_monitors(level, slot) || (value & ENTRY_PRESENT) == 0) {
            continue;
        }
        if (all || frame_is_revoked(body, partition, entry_frame(value))) {
            entry_drop(partition, level, value);
            entries[slot] = 0;
        }
    }
}

/* A record keeps the roots it had when it was stopped, and its pages: not those that go. */
static void records_sever(const struct view_body *body, struct partition *partition)
{
    if (partition->time_frame != 0 &&
        frame_is_revoked(body, partition->id, partition->time_frame)) {
        frame_drop(partition->time_frame, FRAME_READ_ONLY);
        partition->time_frame = 0;
    }
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        struct virtual_processor *record = record_get(partition->first_virtual_processor + index);

        if (record->shared_frame != 0 &&
            frame_is_revoked(body, partition->id, record->shared_frame)) {
            frame_drop(record->shared_frame, FRAME_WRITABLE);
            record->shared_frame = 0;
        }
        if (record->kernel_root_frame == 0) {
            continue;
        }
        if (frame_is_revoked(body, partition->id, record->kernel_root_frame) ||
            (record->user_root_frame != 0 &&
             frame_is_revoked(body, partition->id, record->user_root_frame))) {
            roots_release(record);
        }
    }
}

/* Also drops what processors remember of their tables. True: there is something to search for. */
static bool sever_begin(const struct view_body *body)
{
    bool any = false;

    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        struct partition *partition = &monitor_state()->partitions[id];

        if (partition->severed == SEVERED_ORDERED) {
            records_sever(body, partition);
            platform_translation_flush(id, TRANSLATION_ALL);
            any = true;
        }
    }
    return any;
}

static void sever_end(void)
{
    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        struct partition *partition = &monitor_state()->partitions[id];

        if (partition->severed == SEVERED_ORDERED) {
            partition->severed = SEVERED_DONE;
        }
    }
}

bool revocation_sever(const struct view_body *body)
{
    struct monitor *monitor = monitor_state();
    struct view_progress *progress = &monitor->progress;
    uint64_t end = progress->cursor + VIEW_STEP_SCAN_LIMIT;
    uint32_t table_count = 0;

    if (progress->cursor == 0) {
        if (!sever_begin(body)) {
            return true;
        }
        progress->cursor = frames_monitor_end();
    }
    end = end < monitor->frame_count ? end : monitor->frame_count;
    for (; progress->cursor < end && table_count < VIEW_STEP_TABLE_LIMIT; progress->cursor++) {
        const struct frame *frame = frame_get(progress->cursor);
        uint32_t level = frame_table_level(frame);

        /* Only partitions have tables. */
        if (level != 0 && monitor->partitions[frame->owner].severed == SEVERED_ORDERED) {
            table_sever(body, frame->owner, progress->cursor, level);
            table_count++;
        }
    }
    if (progress->cursor < monitor->frame_count) {
        return false;
    }
    sever_end();
    return true;
}

/* Each end that still refers to the frame of a channel that goes. */
static void channel_sever(const struct frame *frame, uint32_t calling_processor)
{
    for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
        struct partition *partition =
            &monitor_state()->partitions[channel_of(frame)->partitions[side]];

        if (channel_side_count(frame, side) != 0 && partition->severed == SEVERED_NOT) {
            partition_sever(partition, calling_processor);
        }
    }
}

/*
 * As frame_release, for registers: there is nothing to scrub in them. Nor is it asked whether the
 * owner has been severed: memory of one that has may go with references left, since those are of
 * tables that go too, and of itself as a table. Registers are referred to by entries only, and a
 * search drops them all: that of its own stage, as they were leaving before it began, or another
 * one, which each generation orders for whoever has been severed. Then the count is 0; until then
 * nothing goes.
 */
static bool device_release(struct frame *frame, uint32_t calling_processor)
{
    const struct device_record *device = device_of(frame);
    struct partition *partition = &monitor_state()->partitions[device->partition];

    if (device->state != CHANNEL_LEAVING) {
        return true;
    }
    if (frame->reference_count != 0) {
        if (partition->severed == SEVERED_NOT) {
            partition_sever(partition, calling_processor);
        }
        return false;
    }
    frame->owner = FRAME_OWNER_FREE;
    return true;
}

/* True: it is not the owner's any more, or never was to be. False: it is still referred to. */
static bool frame_release(const struct view_body *body, uint64_t number, uint32_t calling_processor,
                          uint32_t *free_count)
{
    struct frame *frame = frame_get(number);

    if (frame_is_devices(frame)) {
        return device_release(frame, calling_processor);
    }
    if (frame_is_channels(frame)) {
        if (channel_of(frame)->state != CHANNEL_LEAVING) {
            return true;
        }
        if (frame->reference_count != 0) {
            channel_sever(frame, calling_processor);
            return false;
        }
    } else if (partition_is(frame->owner)) {
        struct partition *partition = &monitor_state()->partitions[frame->owner];

        if (!frame_is_revoked(body, frame->owner, number)) {
            return true;
        }
        if (frame->reference_count != 0 && partition->severed != SEVERED_DONE) {
            if (partition->severed == SEVERED_NOT) {
                partition_sever(partition, calling_processor);
            }
            return false;
        }
    } else {
        return true;
    }
    frame_free(number);
    (*free_count)++;
    return true;
}

/* Number and records can be used again; what its stop was can be read until then. */
static void partition_erase(struct partition *partition)
{
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        record_get(partition->first_virtual_processor + index)->state = VIRTUAL_PROCESSOR_ABSENT;
    }
    partition->state = PARTITION_ABSENT;
    partition->condemned = 0;
}

static void release_end(void)
{
    struct monitor *monitor = monitor_state();

    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        monitor->partitions[id].severed = SEVERED_NOT;
        if (monitor->partitions[id].condemned != 0) {
            partition_erase(&monitor->partitions[id]);
        }
    }
    for (uint32_t row = 0; row < CHANNEL_LIMIT; row++) {
        if (monitor->channels[row].state == CHANNEL_LEAVING) {
            monitor->channels[row].state = CHANNEL_ABSENT;
        }
    }
    for (uint32_t row = 0; row < DEVICE_LIMIT; row++) {
        if (monitor->devices[row].state == CHANNEL_LEAVING) {
            monitor->devices[row].state = CHANNEL_ABSENT;
        }
    }
    monitor->progress.first_frame = 0;
    monitor->progress.end_frame = 0;
}

bool revocation_release(const struct view_body *body, const struct processor *processor)
{
    struct view_progress *progress = &monitor_state()->progress;
    uint64_t end;
    uint32_t free_count = 0;

    if (progress->cursor < progress->first_frame) {
        progress->cursor = progress->first_frame;
    }
    end = progress->cursor + VIEW_STEP_SCAN_LIMIT;
    end = end < progress->end_frame ? end : progress->end_frame;
    for (; progress->cursor < end && free_count < VIEW_STEP_FRAME_LIMIT; progress->cursor++) {
        if (!frame_release(body, progress->cursor, processor->id, &free_count)) {
            progress->checked = 1;
        }
    }
    if (progress->cursor < progress->end_frame) {
        return false;
    }
    if (progress->checked != 0) {
        progress->stage = VIEW_STAGE_leave;
        progress->cursor = 0;
        progress->checked = 0;
        return false;
    }
    release_end();
    return true;
}
