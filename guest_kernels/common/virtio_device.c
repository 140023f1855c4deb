/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the numbers of the registers and the steps of the status.
 */
#include "virtio_device.h"

#include "hypercall.h"
#include "memory.h"
#include "start.h"
#include "tables.h"

#define VIRTIO_MAGIC 0x74726976u
#define VIRTIO_VERSION 2u
#define STATUS_ACKNOWLEDGE 0x1u
#define STATUS_DRIVER 0x2u
#define STATUS_DRIVER_OK 0x4u
#define STATUS_FEATURES_OK 0x8u
#define STATUS_NEEDS_RESET 0x40u

enum device_register {
    REGISTER_magic = 0x000,
    REGISTER_version = 0x004,
    REGISTER_device_id = 0x008,
    REGISTER_offered = 0x010,
    REGISTER_offered_select = 0x014,
    REGISTER_features = 0x020,
    REGISTER_features_select = 0x024,
    REGISTER_queue_select = 0x030,
    REGISTER_queue_size = 0x038,
    REGISTER_queue_ready = 0x044,
    REGISTER_queue_notify = 0x050,
    REGISTER_interrupt_status = 0x060,
    REGISTER_interrupt_acknowledge = 0x064,
    REGISTER_status = 0x070,
    REGISTER_descriptors = 0x080, /* the other two rings follow, 16 bytes apart */
    REGISTER_configuration = 0x100
};

static uint32_t load(const struct virtio_device *device, uint32_t offset)
{
    return *(volatile uint32_t *)(volatile void *)(device->registers + offset);
}

static void store(const struct virtio_device *device, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(volatile void *)(device->registers + offset) = value;
}

int virtio_find(uint64_t address, struct virtio_device *device)
{
    struct view_device row;

    for (uint64_t index = 0; hypercall_view_get(VIEW_RECORD_device, index, &row, sizeof(row)) >= 0;
         index++) {
        if (row.guest_frame << PAGE_SHIFT == address) {
            device->registers = frame_pointer(row.guest_frame);
            device->machine_frame = row.machine_frame;
            device->port = row.port;
            return 1;
        }
    }
    return 0;
}

static int64_t registers_map(const struct virtio_device *device, uint64_t entry)
{
    return space_entry_try(frame_from_machine(start_page->kernel_root_frame),
                           (uintptr_t)device->registers, entry);
}

int64_t virtio_map(const struct virtio_device *device)
{
    return registers_map(device, device->machine_frame << PAGE_SHIFT | ENTRY_PRESENT |
                                     ENTRY_KERNEL | ENTRY_WRITABLE | ENTRY_CACHE_DISABLE |
                                     ENTRY_NO_EXECUTE);
}

void virtio_unmap(const struct virtio_device *device)
{
    (void)registers_map(device, 0);
}

uint32_t virtio_kind(const struct virtio_device *device)
{
    if (load(device, REGISTER_magic) != VIRTIO_MAGIC ||
        load(device, REGISTER_version) != VIRTIO_VERSION) {
        return 0;
    }
    return load(device, REGISTER_device_id);
}

int virtio_begin(const struct virtio_device *device, enum virtio_kind kind, uint64_t wanted,
                 uint64_t *features)
{
    uint32_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;

    if (virtio_kind(device) != (uint32_t)kind) {
        return 0;
    }
    virtio_reset(device);
    store(device, REGISTER_status, STATUS_ACKNOWLEDGE);
    store(device, REGISTER_status, status);
    *features = 0;
    for (uint32_t half = 0; half < 2; half++) {
        uint32_t chosen;

        store(device, REGISTER_offered_select, half);
        chosen = load(device, REGISTER_offered) &
                 (uint32_t)((wanted | VIRTIO_FEATURES_NEEDED) >> (32 * half));
        store(device, REGISTER_features_select, half);
        store(device, REGISTER_features, chosen);
        *features |= (uint64_t)chosen << (32 * half);
    }
    status |= STATUS_FEATURES_OK;
    store(device, REGISTER_status, status);
    return (*features & VIRTIO_FEATURES_NEEDED) == VIRTIO_FEATURES_NEEDED &&
           load(device, REGISTER_status) == status;
}

int virtio_run(const struct virtio_device *device)
{
    uint32_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;

    store(device, REGISTER_status, status);
    return load(device, REGISTER_status) == status;
}

void virtio_reset(const struct virtio_device *device)
{
    store(device, REGISTER_status, 0);
}

int virtio_is_broken(const struct virtio_device *device)
{
    return (load(device, REGISTER_status) & STATUS_NEEDS_RESET) != 0;
}

uint32_t virtio_interrupt_take(const struct virtio_device *device)
{
    uint32_t bits = load(device, REGISTER_interrupt_status);

    store(device, REGISTER_interrupt_acknowledge, bits);
    return bits;
}

int virtio_queue_set(const struct virtio_device *device, uint32_t index, uint32_t size,
                     const uint64_t addresses[3])
{
    store(device, REGISTER_queue_select, index);
    store(device, REGISTER_queue_size, size);
    for (uint32_t ring = 0; ring < 3; ring++) {
        store(device, REGISTER_descriptors + 16 * ring, (uint32_t)addresses[ring]);
        store(device, REGISTER_descriptors + 16 * ring + 4, (uint32_t)(addresses[ring] >> 32));
    }
    store(device, REGISTER_queue_ready, 1);
    return load(device, REGISTER_queue_ready) == 1;
}

void virtio_notify(const struct virtio_device *device, uint32_t index)
{
    store(device, REGISTER_queue_notify, index);
}

uint8_t virtio_configuration_8(const struct virtio_device *device, uint32_t offset)
{
    return device->registers[REGISTER_configuration + offset];
}

uint32_t virtio_configuration_32(const struct virtio_device *device, uint32_t offset)
{
    return load(device, REGISTER_configuration + offset);
}
