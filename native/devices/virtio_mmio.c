/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of virtio 1.2 over MMIO, version 2 (section 4.2.2): what a load answers, and which
 * stores are taken. A store that the specification forbids changes nothing, is counted, and the
 * first is kept as the device's reason. Called by the machine; models are asked through model.h.
 */
#include <string.h>

#include "model.h"

#define VIRTIO_MAGIC 0x74726976u /* "virt" */
#define VIRTIO_VERSION 2u
#define VENDOR_ID 0x56555355u

#define STATUS_BY_DRIVER                                                                           \
    (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED)

enum mmio_register {
    REGISTER_magic = 0x000,
    REGISTER_version = 0x004,
    REGISTER_device_id = 0x008,
    REGISTER_vendor_id = 0x00c,
    REGISTER_device_features = 0x010,
    REGISTER_device_features_select = 0x014,
    REGISTER_driver_features = 0x020,
    REGISTER_driver_features_select = 0x024,
    REGISTER_queue_select = 0x030,
    REGISTER_queue_size_maximum = 0x034,
    REGISTER_queue_size = 0x038,
    REGISTER_queue_ready = 0x044,
    REGISTER_queue_notify = 0x050,
    REGISTER_interrupt_status = 0x060,
    REGISTER_interrupt_acknowledge = 0x064,
    REGISTER_status = 0x070,
    REGISTER_descriptor_low = 0x080,
    REGISTER_descriptor_high = 0x084,
    REGISTER_driver_low = 0x090,
    REGISTER_driver_high = 0x094,
    REGISTER_device_low = 0x0a0,
    REGISTER_device_high = 0x0a4,
    REGISTER_shared_memory_select = 0x0ac,
    REGISTER_shared_memory_first = 0x0b0, /* length and base, low and high */
    REGISTER_shared_memory_last = 0x0bc,
    REGISTER_queue_reset = 0x0c0,
    REGISTER_configuration_generation = 0x0fc,
    REGISTER_configuration = 0x100
};

static struct queue *queue_selected(struct device *device)
{
    uint32_t index = device->state.queue_select;
    return index < device->model->queue_count ? &device->state.queues[index] : NULL;
}

static uint32_t half(uint64_t value, uint32_t select)
{
    return select > 1 ? 0 : (uint32_t)(value >> (32 * select));
}

static uint64_t features_offered(const struct device *device)
{
    return device->model->features(device) | FEATURE_INDIRECT | FEATURE_VERSION_1 |
           FEATURE_ACCESS_PLATFORM;
}

static uint32_t configuration_read(struct device *device, uint32_t offset, uint32_t size_bytes)
{
    uint8_t bytes[CONFIGURATION_LIMIT_BYTES] = {0};
    uint32_t value = 0;
    bool sized = size_bytes == 1 || size_bytes == 2 || size_bytes == 4;
    if (!sized || offset % size_bytes != 0 || offset >= device->model->configuration_size_bytes ||
        size_bytes > device->model->configuration_size_bytes - offset) {
        device_refuse(device, "load of %u bytes at %#x of the configuration", size_bytes, offset);
        return 0;
    }
    device->model->configuration(device, bytes);
    memcpy(&value, bytes + offset, size_bytes);
    return value;
}

static uint32_t register_read(struct device *device, uint32_t offset)
{
    const struct device_state *state = &device->state;
    const struct queue *queue = queue_selected(device);
    switch (offset) {
    case REGISTER_magic:
        return VIRTIO_MAGIC;
    case REGISTER_version:
        return VIRTIO_VERSION;
    case REGISTER_device_id:
        return (uint32_t)device->model->kind;
    case REGISTER_vendor_id:
        return VENDOR_ID;
    case REGISTER_device_features:
        return half(features_offered(device), state->device_features_select);
    case REGISTER_queue_size_maximum:
        return queue != NULL ? QUEUE_SIZE_MAXIMUM : 0;
    case REGISTER_queue_ready:
        return queue != NULL ? queue->ready : 0;
    case REGISTER_interrupt_status:
        return state->interrupt_status;
    case REGISTER_status:
        return state->status;
    case REGISTER_queue_reset:
        return 0; /* not offered: a queue is never in reset */
    case REGISTER_configuration_generation:
        return state->configuration_generation;
    default:
        if (offset >= REGISTER_shared_memory_first && offset <= REGISTER_shared_memory_last) {
            return UINT32_MAX; /* no such region */
        }
        device_refuse(device, "load of register %#x", offset);
        return 0;
    }
}

uint32_t device_read(struct device *device, uint32_t offset, uint32_t size_bytes)
{
    if (offset >= REGISTER_configuration) {
        return configuration_read(device, offset - REGISTER_configuration, size_bytes);
    }
    if (size_bytes != 4 || offset % 4 != 0) {
        device_refuse(device, "load of %u bytes at register %#x", size_bytes, offset);
        return 0;
    }
    return register_read(device, offset);
}

static bool features_acceptable(struct device *device)
{
    uint64_t chosen = device->state.driver_features;
    uint64_t unknown = chosen & ~features_offered(device);
    if (unknown != 0 || device->state.features_beyond != 0) {
        device_refuse(device, "features %#llx were not offered", (unsigned long long)unknown);
        return false;
    }
    if ((chosen & FEATURE_VERSION_1) == 0) {
        device_refuse(device, "a driver without VIRTIO_F_VERSION_1");
        return false;
    }
    return true;
}

/* Each bit needs the one before it; none but a reset takes one back. */
static const char *status_wrong(uint32_t before, uint32_t after)
{
    if ((before & STATUS_BY_DRIVER & ~after) != 0) {
        return "takes a bit back";
    }
    if ((after & ~(STATUS_BY_DRIVER | STATUS_NEEDS_RESET)) != 0) {
        return "has unknown bits";
    }
    if ((after & STATUS_DRIVER) != 0 && (after & STATUS_ACKNOWLEDGE) == 0) {
        return "sets DRIVER before ACKNOWLEDGE";
    }
    if ((after & STATUS_FEATURES_OK) != 0 && (after & STATUS_DRIVER) == 0) {
        return "sets FEATURES_OK before DRIVER";
    }
    if ((after & STATUS_DRIVER_OK) != 0 && (after & STATUS_FEATURES_OK) == 0) {
        return "sets DRIVER_OK before FEATURES_OK";
    }
    return NULL;
}

static void status_write(struct device *device, uint32_t value)
{
    uint32_t before = device->state.status;
    const char *wrong = status_wrong(before, value);
    if (value == 0) {
        device_reset(device);
        return;
    }
    if (wrong != NULL) {
        device_refuse(device, "status %#x after %#x: %s", value, before, wrong);
        return;
    }
    uint32_t fresh = value & STATUS_BY_DRIVER & ~before;
    if ((fresh & STATUS_FEATURES_OK) != 0 && !features_acceptable(device)) {
        fresh &= ~(STATUS_FEATURES_OK | STATUS_DRIVER_OK);
    }
    device->state.status |= fresh;
    device->model->running(device, device_running(device));
    if ((fresh & STATUS_DRIVER_OK) != 0) {
        device_resume(device);
    }
}

static void driver_features_write(struct device *device, uint32_t value)
{
    struct device_state *state = &device->state;
    uint32_t select = state->driver_features_select;
    if ((state->status & (STATUS_DRIVER | STATUS_FEATURES_OK)) != STATUS_DRIVER) {
        device_refuse(device, "driver features with status %#x", state->status);
    } else if (select > 1) {
        state->features_beyond |= value;
    } else {
        uint64_t mask = (uint64_t)UINT32_MAX << (32 * select);
        state->driver_features =
            (state->driver_features & ~mask) | ((uint64_t)value << (32 * select));
    }
}

static void queue_ready_write(struct device *device, struct queue *queue, uint32_t value)
{
    if (value == 0) {
        queue->ready = 0; /* what it has in flight is forgotten */
        queue->available_next = queue->used_next = 0;
        queue_forget(queue, queue->request_count);
    } else if (value != 1 || (device->state.status & STATUS_FEATURES_OK) == 0 ||
               !queue_valid(queue)) {
        device_refuse(device, "queue %u: ready %u with size %u, rings at %#llx %#llx %#llx",
                      device->state.queue_select, value, queue->size,
                      (unsigned long long)queue->descriptor_address,
                      (unsigned long long)queue->driver_address,
                      (unsigned long long)queue->device_address);
    } else {
        queue->ready = 1;
    }
}

static void queue_size_write(struct device *device, struct queue *queue, uint32_t value)
{
    if (value == 0 || value > QUEUE_SIZE_MAXIMUM || (value & (value - 1)) != 0) {
        device_refuse(device, "queue %u: size %u", device->state.queue_select, value);
    } else {
        queue->size = value;
    }
}

static void address_write(uint64_t *address, uint32_t value, bool high)
{
    uint64_t kept = high ? (uint32_t)*address : *address >> 32 << 32;
    *address = kept | (high ? (uint64_t)value << 32 : value);
}

/* The registers of the selected queue: none of them but its readiness changes while it is ready. */
static void queue_write(struct device *device, uint32_t offset, uint32_t value)
{
    struct queue *queue = queue_selected(device);
    if (queue == NULL) {
        device_refuse(device, "store to register %#x of queue %u", offset,
                      device->state.queue_select);
        return;
    }
    if (queue->ready != 0 && (offset != REGISTER_queue_ready || value != 0)) {
        device_refuse(device, "store to register %#x of queue %u, which is ready", offset,
                      device->state.queue_select);
        return;
    }
    bool high = offset % 8 != 0;
    switch (offset) {
    case REGISTER_queue_size:
        queue_size_write(device, queue, value);
        break;
    case REGISTER_queue_ready:
        queue_ready_write(device, queue, value);
        break;
    case REGISTER_descriptor_low:
    case REGISTER_descriptor_high:
        address_write(&queue->descriptor_address, value, high);
        break;
    case REGISTER_driver_low:
    case REGISTER_driver_high:
        address_write(&queue->driver_address, value, high);
        break;
    default:
        address_write(&queue->device_address, value, high);
    }
}

static void queue_notify_write(struct device *device, uint32_t index)
{
    const struct device_state *state = &device->state;
    if (index >= device->model->queue_count || state->queues[index].ready == 0 ||
        (state->status & STATUS_DRIVER_OK) == 0) {
        device_refuse(device, "notify of queue %u, which does not run", index);
    } else if (device_running(device)) {
        device_notify(device, index); /* a fenced device looks when it is active again */
    }
}

static void register_write(struct device *device, uint32_t offset, uint32_t value)
{
    struct device_state *state = &device->state;
    switch (offset) {
    case REGISTER_device_features_select:
        state->device_features_select = value;
        break;
    case REGISTER_driver_features:
        driver_features_write(device, value);
        break;
    case REGISTER_driver_features_select:
        state->driver_features_select = value;
        break;
    case REGISTER_queue_select:
        state->queue_select = value;
        break;
    case REGISTER_queue_size:
    case REGISTER_queue_ready:
    case REGISTER_descriptor_low:
    case REGISTER_descriptor_high:
    case REGISTER_driver_low:
    case REGISTER_driver_high:
    case REGISTER_device_low:
    case REGISTER_device_high:
        queue_write(device, offset, value);
        break;
    case REGISTER_queue_notify:
        queue_notify_write(device, value);
        break;
    case REGISTER_interrupt_acknowledge:
        state->interrupt_status &= ~value;
        break;
    case REGISTER_status:
        status_write(device, value);
        break;
    case REGISTER_shared_memory_select:
        break; /* there is no region, whichever is selected */
    default:
        device_refuse(device, "store to register %#x", offset);
    }
}

void device_write(struct device *device, uint32_t offset, uint32_t size_bytes, uint32_t value)
{
    if (offset >= REGISTER_configuration) {
        device_refuse(device, "store to the configuration at %#x", offset - REGISTER_configuration);
    } else if (size_bytes != 4 || offset % 4 != 0) {
        device_refuse(device, "store of %u bytes at register %#x", size_bytes, offset);
    } else {
        register_write(device, offset, value);
    }
}
