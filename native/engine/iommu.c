/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IOMMU: what a device of a partition reaches. An address is the owner's guest-physical one; it
 * is resolved by the view in force, and the monitor's frame table has the last word. A device
 * writes only what its owner could write itself: no table, nothing executable, nothing that it may
 * only read. Called by the devices' models through their environment.
 */
#include <stddef.h>

#include "devices.h"
#include "machine.h"
#include "view_lookup.h"

static struct frame *frame_at(const struct machine *machine, uint64_t number)
{
    return (struct frame *)(void *)(machine->memory.base + FRAME_TABLE_ADDRESS) + number;
}

/* The machine frame, or 0: nowhere. */
static uint64_t extent_frame(const struct machine *machine, uint32_t partition,
                             uint64_t guest_frame)
{
    uint64_t number = view_extent_frame(machine, partition, guest_frame);
    return number != 0 && frame_at(machine, number)->owner == partition ? number : 0;
}

/* The same of a channel, once the monitor has given the frame to it. */
static uint64_t channel_frame(const struct machine *machine, uint32_t partition,
                              uint64_t guest_frame, bool write)
{
    struct channel_frame found;
    if (!view_channel_frame(machine, partition, guest_frame, &found)) {
        return 0;
    }
    const struct channel_record *record = &machine->monitor->channels[found.row];
    bool given = frame_at(machine, found.machine_frame)->owner == FRAME_OWNER_CHANNEL + found.row &&
                 record->state == CHANNEL_MAPPED && record->partitions[found.side] == partition;
    bool allowed = !write || (record->flags[found.side] & CHANNEL_END_WRITABLE) != 0;
    return given && allowed ? found.machine_frame : 0;
}

static uint64_t resolve(const struct machine *machine, uint32_t partition, uint64_t guest_frame,
                        bool write)
{
    uint64_t number = extent_frame(machine, partition, guest_frame);
    if (number == 0) {
        number = channel_frame(machine, partition, guest_frame, write);
    }
    if (number == 0 || !write) {
        return number;
    }
    uint8_t type = frame_at(machine, number)->type;
    return type == FRAME_NONE || type == FRAME_WRITABLE ? number : 0;
}

/*
 * The kernel of the host may write there on the device's behalf, which dirty.c does not see. Code
 * that was there is dropped before it can be executed again, as after a guest's own write.
 */
static void prepare_write(struct machine *machine, uint64_t number)
{
    struct frame *frame = frame_at(machine, number);
    if (machine->memory.dirty != NULL) {
        volatile uint8_t *byte = machine->memory.base + number * PAGE_SIZE_BYTES;
        *byte = *byte;
    }
    if ((frame->flags & FRAME_FLAG_EXECUTED) != 0) {
        frame->flags |= FRAME_FLAG_STALE;
    }
}

uint8_t *iommu_reach(void *context, uint32_t device, uint64_t address, uint64_t *size_bytes,
                     bool write)
{
    struct machine *machine = context;
    uint32_t owner = device_owner(machine, device);
    uint64_t offset = address % PAGE_SIZE_BYTES;
    uint64_t first = owner == 0 ? 0 : resolve(machine, owner, address / PAGE_SIZE_BYTES, write);
    if (first == 0) {
        return NULL;
    }
    uint64_t reached_bytes = PAGE_SIZE_BYTES - offset;
    uint64_t count = 1;
    while (reached_bytes < *size_bytes &&
           resolve(machine, owner, address / PAGE_SIZE_BYTES + count, write) == first + count) {
        reached_bytes += PAGE_SIZE_BYTES;
        count++;
    }
    for (uint64_t index = 0; write && index < count; index++) {
        prepare_write(machine, first + index);
    }
    *size_bytes = reached_bytes < *size_bytes ? reached_bytes : *size_bytes;
    return machine->memory.base + first * PAGE_SIZE_BYTES + offset;
}
