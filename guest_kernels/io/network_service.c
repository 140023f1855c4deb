/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the back end of network_server.h that is a network device.
 */
#include "network_service.h"

#include "bytes.h"
#include "fault.h"
#include "guid.h"
#include "hypercall.h"
#include "service.h"

static int transfer_start(void *context, uint32_t tag, const struct network_transfer *transfer)
{
    struct medium *medium = context;
    struct network_device *device = &medium->own.network.device;
    uint64_t address = medium->place.address + transfer->payload_offset;

    if (transfer->operation == NETWORK_OPERATION_send) {
        (void)fault_request();
        return network_device_send(device, tag, address, transfer->size_bytes);
    }
    return network_device_post(device, tag, address, transfer->size_bytes);
}

/* A device that was running goes on without what it had. */
static void transfers_stop(void *context)
{
    struct medium *medium = context;
    struct network_device *device = &medium->own.network.device;
    int running = device->running;

    network_device_stop(device);
    if (running) {
        (void)network_device_start(device);
    }
}

static void client_notify(void *context)
{
    const struct medium *medium = context;

    if (medium->place.port != 0) {
        (void)hypercall_event_send(medium->place.port);
    }
}

static uint32_t device_take(struct medium *medium)
{
    struct network_service *network = &medium->own.network;
    struct network_device *device = &network->device;

    if (!virtio_find(medium->device_address, &device->registers)) {
        return COMPLETION_device_invalid;
    }
    if (virtio_map(&device->registers) < 0) {
        return COMPLETION_map_failed;
    }
    if (!network_device_start(device)) {
        network_device_stop(device);
        virtio_unmap(&device->registers);
        return COMPLETION_driver_failure;
    }
    network_device_stop(device);
    network->backend = (struct network_backend){
        .start = transfer_start,
        .stop = transfers_stop,
        .notify = client_notify,
        .frame_limit_bytes = device->frame_limit_bytes,
    };
    memcpy(network->backend.address, device->address, sizeof(device->address));
    medium->device_port = device->registers.port;
    return COMPLETION_success;
}

static void device_stop(struct medium *medium)
{
    network_device_stop(&medium->own.network.device);
}

static int device_start(struct medium *medium)
{
    return network_device_start(&medium->own.network.device);
}

static void device_leave(struct medium *medium)
{
    network_device_stop(&medium->own.network.device);
    virtio_unmap(&medium->own.network.device.registers);
}

static int channel_make(struct medium *medium)
{
    struct network_service *network = &medium->own.network;

    return network_server_start(&network->server, channel_pointer(&medium->place),
                                medium->place.size_bytes, &network->backend, medium);
}

static void operate(struct medium *medium, int operating)
{
    struct network_service *network = &medium->own.network;

    network_server_operate(&network->server, operating);
    network_server_link(&network->server, operating && network->device.link_up);
}

static int32_t step(struct medium *medium)
{
    struct network_service *network = &medium->own.network;
    int32_t done = 0;
    int32_t taken;
    uint32_t size_bytes;
    uint32_t tag;

    while (done < 2 * (int32_t)VIRTIO_QUEUE_SIZE &&
           network_device_take(&network->device, &tag, &size_bytes)) {
        network_server_complete(&network->server, tag, NETWORK_STATUS_ok, size_bytes);
        done++;
    }
    taken = network_server_poll(&network->server);
    if (network->device.running) {
        network_device_notify(&network->device);
    }
    return taken < 0 ? -1 : done + taken;
}

static int interrupt(struct medium *medium)
{
    struct network_service *network = &medium->own.network;

    if ((virtio_interrupt_take(&network->device.registers) & VIRTIO_INTERRUPT_CONFIGURATION) == 0) {
        return 0;
    }
    if (virtio_is_broken(&network->device.registers)) {
        return 1;
    }
    if (medium->operates) {
        network_server_link(&network->server, network_device_link(&network->device));
    }
    return 0;
}

const struct service network_service = {
    .device_type = &guid_virtio_network,
    .channel_type = &guid_network,
    .device_take = device_take,
    .device_stop = device_stop,
    .device_start = device_start,
    .device_leave = device_leave,
    .channel_make = channel_make,
    .operate = operate,
    .step = step,
    .interrupt = interrupt,
};
