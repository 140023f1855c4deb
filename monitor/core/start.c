/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of a host: the frame table, the idle records, and the first generation of the view.
 * Called by monitor_start. What a view says wrongly of a partition stops that partition; what it
 * says wrongly of the host is our mistake.
 */
#include "start.h"

#include "frames.h"
#include "generation.h"

static void start_processors(uint64_t generation)
{
    struct monitor *monitor = monitor_state();

    for (uint32_t id = 0; id < monitor->processor_count; id++) {
        struct processor *processor = &monitor->processors[id];
        struct virtual_processor *idle = &monitor->idle[id];

        processor->id = id;
        processor->current = IDLE_ID_FIRST + id;
        processor->view_generation = generation;
        processor->entry_due_cycles = TIME_NEVER;
        processor->watchdog_due_cycles = TIME_NEVER;
        idle->id = IDLE_ID_FIRST + id;
        idle->processor = id;
        idle->state = VIRTUAL_PROCESSOR_RUNNABLE;
        platform_context_reset(idle);
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

static const struct view_body *start_view(uint64_t *generation)
{
    const struct view_region *region = view_region();
    const struct view_body *body;

    *generation = view_generation();
    body = &region->bodies[*generation % VIEW_BODY_COUNT];
    MONITOR_ASSERT(region->header.magic == PAGE_MAGIC_VIEW);
    MONITOR_ASSERT(region->header.version == ABI_VERSION);
    MONITOR_ASSERT(body->processor_count >= 1 && body->processor_count <= PROCESSOR_LIMIT);
    return body;
}

void start_host(void)
{
    uint64_t generation;
    const struct view_body *body = start_view(&generation);

    monitor_state()->processor_count = body->processor_count;
    start_processors(generation);
    start_monitor_frames();
    generation_start();
}
