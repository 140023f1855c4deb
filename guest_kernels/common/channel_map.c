/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the entries by which the guest maps its channels: writable where its end may write, never
 * executable. What is in a channel is not known here.
 */
#include "channel_map.h"

#include "hypercall.h"
#include "memory.h"
#include "tables.h"
#include "view.h"

int channel_find(uint64_t address, struct channel_place *place)
{
    struct view_channel row;

    for (uint64_t index = 0; hypercall_view_get(VIEW_RECORD_channel, index, &row, sizeof(row)) >= 0;
         index++) {
        for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
            const struct view_channel_end *end = &row.ends[side];

            if (end->partition == start_page->partition &&
                end->guest_frame == address >> PAGE_SHIFT) {
                place->address = address;
                place->size_bytes = row.frame_count << PAGE_SHIFT;
                place->machine_frame = row.machine_frame;
                place->port = end->port;
                place->writable = (end->flags & CHANNEL_END_WRITABLE) != 0;
                return 1;
            }
        }
    }
    return 0;
}

int channel_find_control(struct channel_place *place)
{
    uint64_t address = start_page->control_channel_address;

    return address != 0 && channel_find(address, place);
}

static uintptr_t page_address(const struct channel_place *place, uint64_t page)
{
    return (uintptr_t)frame_pointer((place->address >> PAGE_SHIFT) + page);
}

volatile void *channel_pointer(const struct channel_place *place)
{
    return (volatile void *)page_address(place, 0);
}

static void pages_unmap(const struct channel_place *place, uint64_t page_count)
{
    uint64_t root = frame_from_machine(start_page->kernel_root_frame);

    for (uint64_t page = 0; page < page_count; page++) {
        space_entry_set(root, page_address(place, page), 0);
    }
}

int64_t channel_map(const struct channel_place *place)
{
    uint64_t root = frame_from_machine(start_page->kernel_root_frame);
    uint64_t flags = ENTRY_PRESENT | ENTRY_KERNEL | ENTRY_NO_EXECUTE;

    if (place->writable) {
        flags |= ENTRY_WRITABLE;
    }
    for (uint64_t page = 0; page < place->size_bytes >> PAGE_SHIFT; page++) {
        int64_t result = space_entry_try(root, page_address(place, page),
                                         (place->machine_frame + page) << PAGE_SHIFT | flags);

        if (result < 0) {
            pages_unmap(place, page);
            return result;
        }
    }
    return 0;
}

void channel_unmap(const struct channel_place *place)
{
    pages_unmap(place, place->size_bytes >> PAGE_SHIFT);
}
