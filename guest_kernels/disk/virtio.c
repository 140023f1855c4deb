/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport as small as it can be. Every step is checked: a device that behaves otherwise ends
 * the guest.
 */
#include "virtio.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"
#include "start.h"
#include "tables.h"

#define FEATURES_HIGH 0x3u /* of version 1, through an IOMMU */
#define STATUS_NEGOTIATED 0xbu /* acknowledge, driver, features */
#define STATUS_RUNNING 0xfu
#define STATUS_NEEDS_RESET 0x40u

static volatile uint8_t *registers;
static volatile uint32_t event_count;

volatile void *virtio_registers(void)
{
    return registers;
}

uint32_t virtio_load(uint32_t offset)
{
    return *(volatile uint32_t *)(void *)(uintptr_t)((uintptr_t)registers + offset);
}

void virtio_store(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(void *)(uintptr_t)((uintptr_t)registers + offset) = value;
}

enum virtio_kind virtio_kind(void)
{
    return (enum virtio_kind)virtio_load(REGISTER_device_id);
}

static void device_calls(uint32_t port)
{
    (void)port;
    event_count++;
    virtio_store(REGISTER_interrupt_acknowledge, virtio_load(REGISTER_interrupt_status));
}

void virtio_find(struct view_device *device)
{
    uint64_t root = frame_from_machine(start_page->kernel_root_frame);
    uint64_t entry;

    while (hypercall_view_get(VIEW_RECORD_device, 0, device, sizeof(*device)) < 0) {
        (void)hypercall_yield();
    }
    registers = frame_pointer(device->guest_frame);
    entry = device->machine_frame << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_KERNEL | ENTRY_WRITABLE |
            ENTRY_CACHE_DISABLE | ENTRY_NO_EXECUTE;
    while (space_entry_try(root, (uintptr_t)registers, entry) < 0) {
        (void)hypercall_yield();
    }
    event_function_set(device->port, device_calls);
}

void virtio_negotiate(enum virtio_kind kind, uint32_t features)
{
    CHECK(virtio_load(REGISTER_magic) == VIRTIO_MAGIC);
    CHECK(virtio_load(REGISTER_version) == 2);
    CHECK(virtio_kind() == kind);
    virtio_store(REGISTER_status, 0);
    CHECK(virtio_load(REGISTER_status) == 0);
    virtio_store(REGISTER_status, 0x1);
    virtio_store(REGISTER_status, 0x3);
    virtio_store(REGISTER_features_select, 0);
    virtio_store(REGISTER_features, features);
    virtio_store(REGISTER_features_select, 1);
    virtio_store(REGISTER_features, FEATURES_HIGH);
    virtio_store(REGISTER_status, STATUS_NEGOTIATED);
    CHECK(virtio_load(REGISTER_status) == STATUS_NEGOTIATED);
}

static void store_address(uint32_t offset, uint64_t frame)
{
    virtio_store(offset, (uint32_t)(frame << PAGE_SHIFT));
    virtio_store(offset + 4, (uint32_t)(frame << PAGE_SHIFT >> 32));
}

void virtio_ring_start(struct virtio_ring *ring, uint32_t queue)
{
    if (ring->frame == 0) {
        ring->frame = frames_allocate(3);
    }
    ring->queue = queue;
    ring->descriptors = frame_pointer(ring->frame);
    ring->available = frame_pointer(ring->frame + 1);
    ring->used = frame_pointer(ring->frame + 2);
    ring->available->index = 0;
    ring->used->index = 0;
    virtio_store(REGISTER_queue_select, queue);
    virtio_store(REGISTER_queue_size, RING_SIZE);
    store_address(REGISTER_descriptors, ring->frame);
    store_address(REGISTER_driver, ring->frame + 1);
    store_address(REGISTER_device, ring->frame + 2);
    virtio_store(REGISTER_queue_ready, 1);
    CHECK(virtio_load(REGISTER_queue_ready) == 1);
}

void virtio_run(void)
{
    virtio_store(REGISTER_status, STATUS_RUNNING);
    CHECK(virtio_load(REGISTER_status) == STATUS_RUNNING);
}

int virtio_broken(void)
{
    return (virtio_load(REGISTER_status) & STATUS_NEEDS_RESET) != 0;
}

void virtio_describe(struct virtio_ring *ring, uint16_t index, uint64_t address,
                     uint32_t size_bytes, uint32_t flags)
{
    ring->descriptors[index].address = address;
    ring->descriptors[index].size_bytes = size_bytes;
    ring->descriptors[index].flags = (uint16_t)flags;
    ring->descriptors[index].next = (uint16_t)(index + 1);
}

void virtio_offer(struct virtio_ring *ring, uint16_t head)
{
    uint16_t index = ring->available->index;

    ring->available->heads[index % RING_SIZE] = head;
    ring->available->index = (uint16_t)(index + 1);
    virtio_store(REGISTER_queue_notify, ring->queue);
}

uint32_t virtio_event_count(void)
{
    return event_count;
}
