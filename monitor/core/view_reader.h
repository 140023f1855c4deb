/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the core reads of the view (monitor/abi/view.h); see view_reader.c. */
#ifndef VIEW_READER_H
#define VIEW_READER_H

#include "state.h"

static inline const struct view_region *view_region(void)
{
    return machine_pointer(VIEW_REGION_ADDRESS);
}

static inline uint64_t view_generation(void)
{
    return *(const volatile uint64_t *)&view_region()->generation;
}

/* The body of the generation that the processor has noticed: one for the whole entry. */
static inline const struct view_body *view_body(const struct processor *processor)
{
    return &view_region()->bodies[processor->view_generation % VIEW_BODY_COUNT];
}

static inline const struct view_partition *view_partition_of(const struct virtual_processor *record)
{
    return &view_body(processor_of(record))->partitions[record->partition];
}

static inline bool view_grants(const struct virtual_processor *caller, uint64_t right)
{
    return (view_partition_of(caller)->rights & right) == right;
}

/* Its virtual processors are the monitor's to run; the others only own their memory. */
static inline bool view_partition_runs(const struct view_partition *view)
{
    return view->kind == PARTITION_guest || view->kind == PARTITION_io ||
           view->kind == PARTITION_hosted;
}

/* The extents of a partition, or none when its row is not lawful. */
static inline uint32_t view_extent_count(const struct view_body *body,
                                         const struct view_partition *view)
{
    return view->extent_count <= PARTITION_EXTENT_LIMIT &&
                   view->extent_count <= body->extent_count &&
                   view->first_extent <= body->extent_count - view->extent_count
               ? view->extent_count
               : 0;
}

/* Where an event arrives that a partition sends by one of its ports. */
struct event_target {
    uint32_t partition;
    uint32_t port;
    uint32_t processor; /* index within the partition */
};

/* By a link of the view, or by a channel; false: nothing is joined to the caller's port. */
bool view_event_target(const struct virtual_processor *caller, uint64_t port,
                       struct event_target *target);

#endif
