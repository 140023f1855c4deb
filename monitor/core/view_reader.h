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

/* The body of the generation that the processor acknowledged: one for the whole entry. */
static inline const struct view_body *view_body(const struct processor *processor)
{
    return &view_region()->bodies[processor->acknowledged_generation % VIEW_BODY_COUNT];
}

static inline const struct view_partition *view_partition_of(const struct virtual_processor *record)
{
    return &view_body(processor_of(record))->partitions[record->partition];
}

static inline bool view_grants(const struct virtual_processor *caller, uint64_t right)
{
    return (view_partition_of(caller)->rights & right) == right;
}

/* The link that leaves the caller's partition by a port, or NULL. */
const struct view_link *view_link_find(const struct virtual_processor *caller, uint64_t port);

#endif
