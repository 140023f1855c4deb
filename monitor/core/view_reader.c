/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the view: links, channels, and the records that a partition may see of itself.
 * Called by event.c and the dispatcher. Never writes the view, and keeps no copy.
 */
#include "view_reader.h"

#include <stddef.h>

#include "guest_memory.h"
#include "hypercall.h"

static bool view_link_follow(const struct view_body *body, uint32_t partition, uint64_t port,
                             struct event_target *target)
{
    for (uint32_t index = 0; index < body->link_count; index++) {
        const struct view_link *link = &body->links[index];

        if (link->partition == partition && link->port == port) {
            target->partition = link->target_partition;
            target->port = link->target_port;
            target->processor = link->target_processor;
            return true;
        }
    }
    return false;
}

/* A channel joins the ports of its ends; an end without one is not woken. */
static bool view_channel_follow(const struct view_body *body, uint32_t partition, uint64_t port,
                                struct event_target *target)
{
    for (uint32_t row = 0; row < body->channel_count; row++) {
        const struct view_channel *channel = &body->channels[row];

        for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
            const struct view_channel_end *end = &channel->ends[side];
            const struct view_channel_end *other = &channel->ends[1 - side];

            if (channel->state == VIEW_CHANNEL_mapped && end->partition == partition &&
                end->port == port && end->port != 0 && other->port != 0) {
                target->partition = other->partition;
                target->port = other->port;
                target->processor = 0;
                return true;
            }
        }
    }
    return false;
}

bool view_event_target(const struct virtual_processor *caller, uint64_t port,
                       struct event_target *target)
{
    const struct view_body *body = view_body(processor_of(caller));

    return view_link_follow(body, caller->partition, port, target) ||
           view_channel_follow(body, caller->partition, port, target);
}

static const struct view_extent *view_extent_own(const struct virtual_processor *caller,
                                                 uint64_t index)
{
    const struct view_partition *partition = view_partition_of(caller);
    const struct view_extent *extents = view_body(processor_of(caller))->extents;

    return index < view_extent_count(view_body(processor_of(caller)), partition)
               ? &extents[partition->first_extent + index]
               : NULL;
}

static const struct view_channel *view_channel_own(const struct virtual_processor *caller,
                                                   uint64_t index)
{
    const struct view_body *body = view_body(processor_of(caller));

    for (uint32_t row = 0; row < body->channel_count; row++) {
        const struct view_channel *channel = &body->channels[row];

        if (channel->state == VIEW_CHANNEL_mapped &&
            (channel->ends[0].partition == caller->partition ||
             channel->ends[1].partition == caller->partition) &&
            index-- == 0) {
            return channel;
        }
    }
    return NULL;
}

static const struct view_link *view_link_own(const struct virtual_processor *caller, uint64_t index)
{
    const struct view_body *body = view_body(processor_of(caller));

    for (uint32_t link = 0; link < body->link_count; link++) {
        if (body->links[link].partition == caller->partition && index-- == 0) {
            return &body->links[link];
        }
    }
    return NULL;
}

static const struct view_device *view_device_own(const struct virtual_processor *caller,
                                                 uint64_t index)
{
    const struct view_body *body = view_body(processor_of(caller));

    for (uint32_t row = 0; row < body->device_count; row++) {
        const struct view_device *device = &body->devices[row];

        if (device->id != 0 && device->partition == caller->partition && index-- == 0) {
            return device;
        }
    }
    return NULL;
}

int64_t hc_view_get(struct virtual_processor *caller)
{
    uint64_t index = argument(caller, 1);
    const void *record = NULL;
    uint64_t record_size_bytes;

    switch (argument(caller, 0)) {
    case VIEW_RECORD_partition:
        record = index == 0 ? view_partition_of(caller) : NULL;
        record_size_bytes = sizeof(struct view_partition);
        break;
    case VIEW_RECORD_extent:
        record = view_extent_own(caller, index);
        record_size_bytes = sizeof(struct view_extent);
        break;
    case VIEW_RECORD_link:
        record = view_link_own(caller, index);
        record_size_bytes = sizeof(struct view_link);
        break;
    case VIEW_RECORD_channel:
        record = view_channel_own(caller, index);
        record_size_bytes = sizeof(struct view_channel);
        break;
    case VIEW_RECORD_device:
        record = view_device_own(caller, index);
        record_size_bytes = sizeof(struct view_device);
        break;
    default:
        return -ERROR_invalid_argument;
    }
    if (record == NULL) {
        return -ERROR_not_found;
    }
    if (argument(caller, 3) < record_size_bytes) {
        return -ERROR_limit;
    }
    if (guest_memory_write(caller, argument(caller, 2), record, record_size_bytes) != ERROR_none) {
        return -ERROR_fault;
    }
    return (int64_t)record_size_bytes;
}
