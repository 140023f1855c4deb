/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver as small as one can be: virtio 1.2 over MMIO, one ring, one request in flight. Every
 * step is checked; a device that behaves otherwise ends the guest.
 */
#include "block_device.h"

#include "check.h"
#include "event.h"
#include "hypercall.h"
#include "memory.h"
#include "start.h"
#include "tables.h"

#define RING_SIZE 4u
#define VIRTIO_MAGIC 0x74726976u
#define KIND_BLOCK 2u
#define FEATURES_HIGH 0x3u /* of version 1, through an IOMMU */
#define STATUS_NEGOTIATED 0xbu /* acknowledge, driver, features */
#define STATUS_RUNNING 0xfu
#define STATUS_NEEDS_RESET 0x40u
#define DESCRIPTOR_NEXT 0x1u
#define DESCRIPTOR_WRITE 0x2u
#define STATUS_NONE 0xeeu
#define INTERRUPT_LIMIT 1000000u

enum device_register {
    REGISTER_magic = 0x000,
    REGISTER_version = 0x004,
    REGISTER_device_id = 0x008,
    REGISTER_features_select = 0x024,
    REGISTER_features = 0x020,
    REGISTER_queue_select = 0x030,
    REGISTER_queue_size = 0x038,
    REGISTER_queue_ready = 0x044,
    REGISTER_queue_notify = 0x050,
    REGISTER_interrupt_status = 0x060,
    REGISTER_interrupt_acknowledge = 0x064,
    REGISTER_status = 0x070,
    REGISTER_descriptors = 0x080,
    REGISTER_driver = 0x090,
    REGISTER_device = 0x0a0,
    REGISTER_capacity = 0x100
};

struct ring_descriptor {
    uint64_t address;
    uint32_t size_bytes;
    uint16_t flags;
    uint16_t next;
};

struct ring_available {
    uint16_t flags;
    uint16_t index;
    uint16_t heads[RING_SIZE];
};

struct ring_used {
    uint16_t flags;
    uint16_t index;
    struct {
        uint32_t head;
        uint32_t size_bytes;
    } entries[RING_SIZE];
};

struct request_frame {
    uint32_t type;
    uint32_t reserved0;
    uint64_t sector;
    volatile uint8_t status;
};

static volatile uint8_t *registers;
static uint64_t ring_frame; /* descriptors, available, used and the request, a frame each */
static volatile struct ring_descriptor *descriptors;
static volatile struct ring_available *available;
static volatile struct ring_used *used;
static struct request_frame *request_frame;
static volatile uint32_t event_count;

static uint32_t load(uint32_t offset)
{
    return *(volatile uint32_t *)(void *)(uintptr_t)((uintptr_t)registers + offset);
}

static void store(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(void *)(uintptr_t)((uintptr_t)registers + offset) = value;
}

static void store_address(uint32_t offset, uint64_t frame)
{
    store(offset, (uint32_t)(frame << PAGE_SHIFT));
    store(offset + 4, (uint32_t)(frame << PAGE_SHIFT >> 32));
}

static void device_calls(uint32_t port)
{
    (void)port;
    event_count++;
    store(REGISTER_interrupt_acknowledge, load(REGISTER_interrupt_status));
}

void block_find(struct view_device *device)
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

static void ring_start(void)
{
    if (ring_frame == 0) {
        ring_frame = frames_allocate(4);
    }
    descriptors = frame_pointer(ring_frame);
    available = frame_pointer(ring_frame + 1);
    used = frame_pointer(ring_frame + 2);
    request_frame = frame_pointer(ring_frame + 3);
    available->index = 0;
    used->index = 0;
    store(REGISTER_queue_select, 0);
    store(REGISTER_queue_size, RING_SIZE);
    store_address(REGISTER_descriptors, ring_frame);
    store_address(REGISTER_driver, ring_frame + 1);
    store_address(REGISTER_device, ring_frame + 2);
    store(REGISTER_queue_ready, 1);
    CHECK(load(REGISTER_queue_ready) == 1);
}

void block_start(const struct view_device *device)
{
    (void)device;
    CHECK(load(REGISTER_magic) == VIRTIO_MAGIC);
    CHECK(load(REGISTER_version) == 2);
    CHECK(load(REGISTER_device_id) == KIND_BLOCK);
    store(REGISTER_status, 0);
    CHECK(load(REGISTER_status) == 0);
    store(REGISTER_status, 0x1);
    store(REGISTER_status, 0x3);
    store(REGISTER_features_select, 0);
    store(REGISTER_features, 0);
    store(REGISTER_features_select, 1);
    store(REGISTER_features, FEATURES_HIGH);
    store(REGISTER_status, STATUS_NEGOTIATED);
    CHECK(load(REGISTER_status) == STATUS_NEGOTIATED);
    ring_start();
    store(REGISTER_status, STATUS_RUNNING);
    CHECK(load(REGISTER_status) == STATUS_RUNNING);
}

uint64_t block_sector_count(void)
{
    return load(REGISTER_capacity) | (uint64_t)load(REGISTER_capacity + 4) << 32;
}

static void describe(uint16_t index, uint64_t address, uint32_t size_bytes, uint32_t flags)
{
    descriptors[index].address = address;
    descriptors[index].size_bytes = size_bytes;
    descriptors[index].flags = (uint16_t)flags;
    descriptors[index].next = (uint16_t)(index + 1);
}

enum block_end block_transfer(enum block_request request, uint64_t sector, uint64_t address,
                              uint32_t size_bytes)
{
    uint64_t frame_address = (ring_frame + 3) << PAGE_SHIFT;
    uint16_t index = available->index;
    uint32_t writes = request == BLOCK_REQUEST_read ? DESCRIPTOR_WRITE : 0;

    request_frame->type = (uint32_t)request;
    request_frame->sector = sector;
    request_frame->status = STATUS_NONE;
    describe(0, frame_address, 16, DESCRIPTOR_NEXT);
    describe(1, address, size_bytes, DESCRIPTOR_NEXT | writes);
    describe(2, frame_address + 16, 1, DESCRIPTOR_WRITE);
    available->heads[index % RING_SIZE] = 0;
    available->index = (uint16_t)(index + 1);
    store(REGISTER_queue_notify, 0);
    while (used->index == index && (load(REGISTER_status) & STATUS_NEEDS_RESET) == 0) {
        events_wait();
    }
    return request_frame->status == STATUS_NONE ? BLOCK_END_broken
                                                : (enum block_end)request_frame->status;
}

uint32_t block_event_count(void)
{
    return event_count;
}
