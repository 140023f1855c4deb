/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every driver of virtio 1.2 over MMIO begins with: the device in the view, its registers,
 * its status, and rings of frames of their own. One device a guest. See virtio.c.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "view.h"

#define RING_SIZE 4u
#define DESCRIPTOR_NEXT 0x1u
#define DESCRIPTOR_WRITE 0x2u
#define VIRTIO_MAGIC 0x74726976u

enum virtio_kind { VIRTIO_KIND_network = 1, VIRTIO_KIND_block = 2 };

enum virtio_register {
    REGISTER_magic = 0x000,
    REGISTER_version = 0x004,
    REGISTER_device_id = 0x008,
    REGISTER_features = 0x020,
    REGISTER_features_select = 0x024,
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
    REGISTER_configuration = 0x100
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

struct virtio_ring {
    uint64_t frame; /* of the descriptors; the other two follow */
    uint32_t queue;
    volatile struct ring_descriptor *descriptors;
    volatile struct ring_available *available;
    volatile struct ring_used *used;
};

/* Waits until the view has a device for the caller, and its registers can be mapped. */
void virtio_find(struct view_device *device);
volatile void *virtio_registers(void);
uint32_t virtio_load(uint32_t offset);
void virtio_store(uint32_t offset, uint32_t value);
enum virtio_kind virtio_kind(void);

/* From reset to FEATURES_OK with these of the kind's own features; then rings; then it runs. */
void virtio_negotiate(enum virtio_kind kind, uint32_t features);
void virtio_ring_start(struct virtio_ring *ring, uint32_t queue);
void virtio_run(void);
/* It wants a reset. */
int virtio_broken(void);

/* A descriptor that goes on with the next one, if its flags say so. */
void virtio_describe(struct virtio_ring *ring, uint16_t index, uint64_t address,
                     uint32_t size_bytes, uint32_t flags);
/* The chain that begins at a descriptor is the device's; and it is told. */
void virtio_offer(struct virtio_ring *ring, uint16_t head);

/* Events that have come; each one's reason has been acknowledged. */
uint32_t virtio_event_count(void);

#endif
