/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following the view. The monitor compares what it has done with what the body in force says,
 * so that it does not matter which generations it has missed. What concerns all is done by
 * whichever processor enters, a step at a time; what concerns a processor, by that processor.
 * It acknowledges when both are done. Called by monitor.c, trap.c, schedule.c and start.c.
 */
#include "generation.h"

#include "channel_frames.h"
#include "device_frames.h"
#include "grant.h"
#include "partition.h"
#include "processor.h"
#include "revocation.h"
#include "schedule.h"
#include "start_partition.h"

/* What the host's writer has to see to: anything else would be our mistake. */
static void body_check(const struct view_body *body)
{
    const struct monitor *monitor = monitor_state();

    MONITOR_ASSERT(body->processor_count == monitor->processor_count);
    MONITOR_ASSERT(body->virtual_processor_count <= VIRTUAL_PROCESSOR_LIMIT);
    MONITOR_ASSERT(body->extent_count <= EXTENT_LIMIT);
    MONITOR_ASSERT(body->link_count <= EVENT_LINK_LIMIT);
    MONITOR_ASSERT(body->channel_count <= CHANNEL_LIMIT);
    MONITOR_ASSERT(body->device_count <= DEVICE_LIMIT);
}

/* These frames may have to change their owner. */
static void range_add(uint64_t first, uint64_t count)
{
    struct monitor *monitor = monitor_state();
    struct view_progress *progress = &monitor->progress;
    uint64_t limit = monitor->frame_count;
    uint64_t end;

    first = first < limit ? first : limit;
    end = count < limit - first ? first + count : limit;
    if (first == end) {
        return;
    }
    if (progress->first_frame == progress->end_frame) {
        progress->first_frame = first;
        progress->end_frame = end;
    }
    progress->first_frame = first < progress->first_frame ? first : progress->first_frame;
    progress->end_frame = end > progress->end_frame ? end : progress->end_frame;
}

static void follow_state(struct partition *partition, const struct view_partition *view,
                         uint32_t calling_processor)
{
    if (!partition_is_living(partition)) {
        return;
    }
    if (view->state == VIEW_STATE_stopped) {
        (void)partition_stop(partition, STOP_operator, calling_processor);
    } else {
        partition->state = view->state == VIEW_STATE_paused ? PARTITION_PAUSED : PARTITION_RUNNING;
    }
}

static void follow_partition(const struct view_body *body, uint32_t id, uint32_t calling_processor)
{
    const struct view_partition *view = &body->partitions[id];
    struct partition *partition = &monitor_state()->partitions[id];

    if (partition->state == PARTITION_ABSENT) {
        return;
    }
    /* This generation may take more of it than the last one did. */
    if (partition->severed == SEVERED_DONE) {
        partition->severed = SEVERED_ORDERED;
    }
    if (view->kind == PARTITION_unused || view->incarnation != partition->incarnation) {
        partition->condemned = 1;
        if (partition->severed == SEVERED_NOT) {
            partition_sever(partition, calling_processor);
        }
        return;
    }
    partition->condemned = 0;
    partition->run_changed = partition->first_extent != view->first_extent ||
                             partition->extent_count != view->extent_count;
    partition->first_extent = view->first_extent;
    partition->extent_count = view->extent_count;
    if (partition->state != PARTITION_STOPPED && view_partition_runs(view) &&
        !start_is_as_before(body, id)) {
        start_refuse(id, 0, id, ERROR_invalid_argument);
        return;
    }
    follow_state(partition, view, calling_processor);
}

static bool extent_is(const struct view_extent *extent, const struct view_extent *other)
{
    return extent->partition == other->partition && extent->guest_frame == other->guest_frame &&
           extent->machine_frame == other->machine_frame &&
           extent->frame_count == other->frame_count;
}

/* Its row is the same, but what that means to its partition may be not. */
static bool extent_is_concerned(const struct view_extent *extent)
{
    const struct partition *partitions = monitor_state()->partitions;

    return extent->partition < PARTITION_LIMIT && (partitions[extent->partition].condemned |
                                                   partitions[extent->partition].run_changed) != 0;
}

static void follow_extents(const struct view_body *body)
{
    static const struct view_extent none;
    struct monitor *monitor = monitor_state();

    for (uint32_t row = 0; row < EXTENT_LIMIT; row++) {
        struct view_extent *known = &monitor->extents[row];
        const struct view_extent *extent = row < body->extent_count ? &body->extents[row] : &none;

        if (extent_is(known, extent) && !extent_is_concerned(extent)) {
            continue;
        }
        range_add(known->machine_frame, known->frame_count);
        range_add(extent->machine_frame, extent->frame_count);
        monitor->progress.changed_rows[row / 64] |= 1ull << row % 64;
        *known = *extent;
    }
}

static void follow_channels(const struct view_body *body)
{
    for (uint32_t row = 0; row < CHANNEL_LIMIT; row++) {
        struct channel_record *record = &monitor_state()->channels[row];

        if (record->state == CHANNEL_ABSENT) {
            continue;
        }
        if (record->state == CHANNEL_LEAVING || row >= body->channel_count ||
            !channel_is_in_view(record, &body->channels[row])) {
            record->state = CHANNEL_LEAVING;
            range_add(record->machine_frame, record->frame_count);
        }
    }
}

static void follow_devices(const struct view_body *body)
{
    for (uint32_t row = 0; row < DEVICE_LIMIT; row++) {
        struct device_record *record = &monitor_state()->devices[row];

        if (record->state == CHANNEL_ABSENT) {
            continue;
        }
        if (record->state == CHANNEL_LEAVING || row >= body->device_count ||
            !device_is_in_view(record, &body->devices[row])) {
            record->state = CHANNEL_LEAVING;
            range_add(record->machine_frame, record->frame_count);
        }
    }
}

static void generation_begin(const struct processor *processor, const struct view_body *body)
{
    struct view_progress *progress = &monitor_state()->progress;

    body_check(body);
    progress->generation = processor->view_generation;
    progress->stage = VIEW_STAGE_leave;
    progress->cursor = 0;
    progress->offset = 0;
    progress->checked = 0;
    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        follow_partition(body, id, processor->id);
    }
    follow_extents(body);
    follow_channels(body);
    follow_devices(body);
}

/* Every processor has entered with something else than what was severed. */
static bool stage_leave(const struct processor *processor)
{
    const struct monitor *monitor = monitor_state();
    bool all = true;

    for (uint32_t id = 0; id < monitor->processor_count; id++) {
        if (monitor->processors[id].epoch != monitor->progress.epoch) {
            all = false;
            if (id != processor->id) {
                platform_kick(id);
            }
        }
    }
    return all;
}

static bool stage_create(const struct view_body *body)
{
    struct view_progress *progress = &monitor_state()->progress;

    while (++progress->cursor < PARTITION_LIMIT) {
        uint32_t id = (uint32_t)progress->cursor;

        if (monitor_state()->partitions[id].state == PARTITION_ABSENT &&
            body->partitions[id].kind != PARTITION_unused) {
            start_partition_records(body, id);
            return false;
        }
    }
    return true;
}

static bool stage_start(const struct view_body *body, const struct processor *processor)
{
    struct view_progress *progress = &monitor_state()->progress;

    for (; progress->cursor < PARTITION_LIMIT; progress->cursor++) {
        uint32_t id = (uint32_t)progress->cursor;

        if (monitor_state()->partitions[id].state == PARTITION_READY &&
            body->partitions[id].state != VIEW_STATE_stopped &&
            view_partition_runs(&body->partitions[id])) {
            if (start_partition(body, id, processor->id)) {
                progress->cursor++;
            }
            return false;
        }
    }
    return true;
}

static bool stage_run(const struct processor *processor, const struct view_body *body)
{
    switch (monitor_state()->progress.stage) {
    case VIEW_STAGE_leave:
        return stage_leave(processor);
    case VIEW_STAGE_sever:
        return revocation_sever(body);
    case VIEW_STAGE_release:
        return revocation_release(body, processor);
    case VIEW_STAGE_create:
        return stage_create(body);
    case VIEW_STAGE_grant:
        return grant_extents(body);
    case VIEW_STAGE_connect:
        return grant_channels(body);
    case VIEW_STAGE_attach:
        return grant_devices(body);
    default:
        return stage_start(body, processor);
    }
}

/* As many stages as are over within their part of a step. */
static void progress_step(const struct processor *processor, const struct view_body *body)
{
    struct view_progress *progress = &monitor_state()->progress;

    while (progress->stage != VIEW_STAGE_done && stage_run(processor, body)) {
        progress->stage++;
        progress->cursor = 0;
        progress->offset = 0;
        progress->checked = 0;
    }
}

/* What only the processor itself may change: its map, and whether its own records are chosen. */
static void processor_follow(struct processor *processor)
{
    if (processor->followed_generation == processor->view_generation) {
        return;
    }
    processor->followed_generation = processor->view_generation;
    schedule_map_follow(processor);
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        struct virtual_processor *record = record_get(id);

        if (record->state == VIRTUAL_PROCESSOR_ABSENT || record->processor != processor->id) {
            continue;
        }
        if (partition_of(record)->state == PARTITION_PAUSED) {
            processor_pause(record);
        } else {
            processor_resume(record);
        }
    }
}

static void acknowledge(struct processor *processor)
{
    struct monitor *monitor = monitor_state();
    uint64_t lowest = processor->view_generation;

    processor->acknowledged_generation = processor->view_generation;
    for (uint32_t id = 0; id < monitor->processor_count; id++) {
        uint64_t generation = monitor->processors[id].acknowledged_generation;

        lowest = generation < lowest ? generation : lowest;
    }
    monitor->progress.acknowledged_generation = lowest;
}

void generation_notice(struct processor *processor)
{
    processor->view_generation = view_generation();
}

bool generation_wants(const struct processor *processor)
{
    const struct view_progress *progress = &monitor_state()->progress;

    return generation_is_followed(processor) &&
           (progress->stage != VIEW_STAGE_leave || processor->epoch != progress->epoch);
}

void generation_step(struct processor *processor)
{
    struct view_progress *progress = &monitor_state()->progress;
    const struct view_body *body = view_body(processor);
    const struct virtual_processor *current = record_get(processor->current);

    /* It came from something else than what was severed: so it has left that. */
    if (record_is_idle(current) || partition_is_living(partition_of(current))) {
        processor->epoch = progress->epoch;
    }
    if (progress->generation != processor->view_generation) {
        generation_begin(processor, body);
    }
    processor_follow(processor);
    progress_step(processor, body);
    if (progress->stage == VIEW_STAGE_done) {
        acknowledge(processor);
        processor->entry_due_cycles = TIME_NEVER;
    } else {
        processor->entry_due_cycles = platform_time(processor->id) + VIEW_STEP_INTERVAL_CYCLES;
    }
}

void generation_start(void)
{
    struct monitor *monitor = monitor_state();
    const struct processor *first = &monitor->processors[0];

    generation_begin(first, view_body(first));
    while (monitor->progress.stage != VIEW_STAGE_done) {
        progress_step(first, view_body(first));
    }
    for (uint32_t id = 0; id < monitor->processor_count; id++) {
        processor_follow(&monitor->processors[id]);
        acknowledge(&monitor->processors[id]);
    }
}
