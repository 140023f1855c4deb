/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of a host: the frame table, the idle records, and every partition that
 * the view describes. Called by monitor_start. What a view says wrongly of a
 * partition stops that partition; what it says wrongly of the host is our mistake.
 */
#include "start.h"

#include "frames.h"
#include "partition.h"
#include "start_partition.h"
#include "processor.h"
#include "schedule.h"

static void start_processors(const struct view_body *body, uint64_t generation)
{
    struct monitor *monitor = monitor_state();

    for (uint32_t id = 0; id < body->processor_count; id++) {
        struct processor *processor = &monitor->processors[id];
        struct virtual_processor *idle = &monitor->idle[id];

        processor->id = id;
        processor->current = IDLE_ID_FIRST + id;
        processor->acknowledged_generation = generation;
        idle->id = IDLE_ID_FIRST + id;
        idle->processor = id;
        idle->state = VIRTUAL_PROCESSOR_RUNNABLE;
        platform_context_reset(idle);
        schedule_map_check(processor);
    }
}

static void start_monitor_frames(void)
{
    uint64_t end = frames_monitor_end();

    MONITOR_ASSERT(end <= monitor_state()->frame_count);
    for (uint64_t frame = 0; frame < end; frame++) {
        frame_get(frame)->owner = FRAME_OWNER_MONITOR;
    }
}

static bool extent_is_free(const struct view_extent *extent)
{
    uint64_t frame_count = monitor_state()->frame_count;

    if (extent->machine_frame > frame_count ||
        extent->frame_count > frame_count - extent->machine_frame) {
        return false;
    }
    for (uint64_t index = 0; index < extent->frame_count; index++) {
        if (frame_get(extent->machine_frame + index)->owner != FRAME_OWNER_FREE) {
            return false;
        }
    }
    return true;
}

/* An extent that overlaps an earlier one is refused whole: the earlier owner is not hurt. */
static void start_extent(const struct view_body *body, const struct view_extent *extent)
{
    if (extent->partition == 0 || extent->partition >= PARTITION_LIMIT ||
        body->partitions[extent->partition].kind == PARTITION_unused) {
        return;
    }
    if (!extent_is_free(extent)) {
        start_refuse(extent->partition, 0, extent->machine_frame, ERROR_not_owner);
        return;
    }
    for (uint64_t index = 0; index < extent->frame_count; index++) {
        frame_get(extent->machine_frame + index)->owner = (uint16_t)extent->partition;
    }
}

static const struct view_body *start_view(uint64_t *generation)
{
    const struct view_region *region = view_region();
    const struct view_body *body;

    *generation = view_generation();
    body = &region->bodies[*generation % VIEW_BODY_COUNT];
    MONITOR_ASSERT(region->header.magic == PAGE_MAGIC_VIEW);
    MONITOR_ASSERT(region->header.version == ABI_VERSION);
    MONITOR_ASSERT(body->processor_count >= 1 && body->processor_count <= PROCESSOR_LIMIT);
    MONITOR_ASSERT(body->virtual_processor_count <= VIRTUAL_PROCESSOR_LIMIT);
    MONITOR_ASSERT(body->extent_count <= EXTENT_LIMIT);
    MONITOR_ASSERT(body->link_count <= EVENT_LINK_LIMIT);
    return body;
}

void start_host(void)
{
    uint64_t generation;
    const struct view_body *body = start_view(&generation);

    monitor_state()->processor_count = body->processor_count;
    start_processors(body, generation);
    start_monitor_frames();
    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        start_partition_records(body, id);
    }
    for (uint32_t index = 0; index < body->extent_count; index++) {
        start_extent(body, &body->extents[index]);
    }
    for (uint32_t id = 1; id < PARTITION_LIMIT; id++) {
        start_partition(body, id);
    }
}
