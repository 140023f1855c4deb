/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See view_lookup.h. Extents are the ultravisor's word and are not checked when a view is
 * published, so that they are bounded here; channels are. The first row that has the frame counts.
 */
#include "view_lookup.h"

#include "machine.h"

uint64_t view_extent_frame(const struct machine *machine, uint32_t partition, uint64_t guest_frame)
{
    const struct view_partition *view = &machine->view->partitions[partition];
    for (uint32_t index = 0; index < view->extent_count && index < PARTITION_EXTENT_LIMIT &&
                             view->first_extent < EXTENT_LIMIT - index;
         index++) {
        const struct view_extent *extent = &machine->view->extents[view->first_extent + index];
        uint64_t offset = guest_frame - extent->guest_frame;
        if (extent->partition == partition && offset < extent->frame_count) {
            uint64_t number = extent->machine_frame + offset;
            return number < machine->device_first_frame ? number : 0;
        }
    }
    return 0;
}

bool view_channel_frame(const struct machine *machine, uint32_t partition, uint64_t guest_frame,
                        struct channel_frame *found)
{
    for (uint32_t row = 0; row < machine->view->channel_count; row++) {
        const struct view_channel *channel = &machine->view->channels[row];
        for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
            const struct view_channel_end *end = &channel->ends[side];
            uint64_t offset = guest_frame - end->guest_frame;
            if (channel->state == VIEW_CHANNEL_mapped && end->partition == partition &&
                offset < channel->frame_count) {
                *found = (struct channel_frame){row, side, channel->machine_frame + offset};
                return true;
            }
        }
    }
    return false;
}
