/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the back end of disk_server.h that is a block device.
 */
#include "disk_service.h"

#include "fault.h"
#include "guid.h"
#include "hypercall.h"
#include "service.h"

static struct medium *medium_of(void *context)
{
    return context;
}

/* A request of nothing, by which a device gives up. */
static void device_break(struct block_device *device)
{
    static const struct virtio_piece nothing;

    if (device->free_count > 0) {
        virtio_queue_put(&device->queue, device->free_rows[0], &nothing, 1);
    }
}

static int transfer_start(void *context, uint32_t tag, const struct disk_transfer *transfer)
{
    struct medium *medium = medium_of(context);
    const struct block_transfer block = {
        .operation = transfer->operation,
        .sector_count = transfer->sector_count,
        .sector = transfer->sector,
        .address = medium->place.address + transfer->payload_offset,
    };

    if (fault_request()) {
        device_break(&medium->own.disk.device);
    }
    return block_begin(&medium->own.disk.device, tag, &block);
}

static void client_notify(void *context)
{
    uint32_t port = medium_of(context)->place.port;

    if (port != 0) {
        (void)hypercall_event_send(port);
    }
}

static uint32_t device_take(struct medium *medium)
{
    struct disk_service *disk = &medium->own.disk;

    if (!virtio_find(medium->device_address, &disk->device.registers)) {
        return COMPLETION_device_invalid;
    }
    if (virtio_map(&disk->device.registers) < 0) {
        return COMPLETION_map_failed;
    }
    if (!block_start(&disk->device) || disk->device.capacity_sectors == 0) {
        block_stop(&disk->device);
        virtio_unmap(&disk->device.registers);
        return COMPLETION_driver_failure;
    }
    disk->backend = (struct disk_backend){
        .start = transfer_start,
        .notify = client_notify,
        .capacity_sectors = disk->device.capacity_sectors,
        .transfer_limit_sectors = DISK_TRANSFER_LIMIT_SECTORS,
        .flags = disk->device.flags,
    };
    block_stop(&disk->device);
    medium->device_port = disk->device.registers.port;
    return COMPLETION_success;
}

static void device_stop(struct medium *medium)
{
    block_stop(&medium->own.disk.device);
}

static int device_start(struct medium *medium)
{
    return block_start(&medium->own.disk.device);
}

static void device_leave(struct medium *medium)
{
    block_stop(&medium->own.disk.device);
    virtio_unmap(&medium->own.disk.device.registers);
}

static int channel_make(struct medium *medium)
{
    struct disk_service *disk = &medium->own.disk;

    return disk_server_start(&disk->server, channel_pointer(&medium->place),
                             medium->place.size_bytes, &disk->backend, medium);
}

static void operate(struct medium *medium, int operating)
{
    disk_server_operate(&medium->own.disk.server, operating);
}

/* Completions first: they make room. The device is told once of all that was begun. */
static int32_t step(struct medium *medium)
{
    struct disk_service *disk = &medium->own.disk;
    int32_t done = 0;
    int32_t taken;
    uint32_t tag;
    uint32_t status;

    while (done < (int32_t)VIRTIO_QUEUE_SIZE && block_take(&disk->device, &tag, &status)) {
        disk_server_complete(&disk->server, tag, status);
        done++;
    }
    taken = disk_server_poll(&disk->server);
    block_notify(&disk->device);
    return taken < 0 ? -1 : done + taken;
}

static int interrupt(struct medium *medium)
{
    const struct virtio_device *registers = &medium->own.disk.device.registers;

    return (virtio_interrupt_take(registers) & VIRTIO_INTERRUPT_CONFIGURATION) != 0 &&
           virtio_is_broken(registers);
}

const struct service disk_service = {
    .device_type = &guid_virtio_block,
    .channel_type = &guid_disk,
    .device_take = device_take,
    .device_stop = device_stop,
    .device_start = device_start,
    .device_leave = device_leave,
    .channel_make = channel_make,
    .operate = operate,
    .step = step,
    .interrupt = interrupt,
};
