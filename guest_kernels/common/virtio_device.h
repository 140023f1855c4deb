/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a virtio device (1.2, over MMIO, version 2) that this partition owns: finding
 * and mapping them, the way from reset to running, interrupts and configuration. What a request
 * is, the drivers of kinds know (block_device.h, network_device.h); rings are in virtio_queue.h.
 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include "view.h"

enum virtio_kind { VIRTIO_KIND_network = 1, VIRTIO_KIND_block = 2, VIRTIO_KIND_console = 3 };

/* Without these, nothing here works: indirect tables, version 1, memory through an IOMMU. */
#define VIRTIO_FEATURES_NEEDED (1ull << 28 | 1ull << 32 | 1ull << 33)

/* Bits of what virtio_interrupt_take returns. */
#define VIRTIO_INTERRUPT_USED 0x1u
#define VIRTIO_INTERRUPT_CONFIGURATION 0x2u

struct virtio_device {
    volatile uint8_t *registers;
    uint64_t machine_frame;
    uint32_t port; /* by which its interrupts arrive; 0: none, it is polled */
};

/* The device whose registers the view has at a guest-physical address; 0: none is there. */
int virtio_find(uint64_t address, struct virtio_device *device);
/* Maps the registers; negative: what the monitor answered. They must be unmapped to be let go. */
int64_t virtio_map(const struct virtio_device *device);
void virtio_unmap(const struct virtio_device *device);

/* What it says that it is, an enum virtio_kind or another; 0: nothing that is known here. */
uint32_t virtio_kind(const struct virtio_device *device);

/*
 * From reset to the point where queues are set up, with the needed features and those of the wanted
 * ones that are offered; 0: it is no such device, or refuses.
 */
int virtio_begin(const struct virtio_device *device, enum virtio_kind kind, uint64_t wanted,
                 uint64_t *features);
/* From there to running; 0: it refuses. */
int virtio_run(const struct virtio_device *device);
/* What it had taken is forgotten, and has no effect any more. */
void virtio_reset(const struct virtio_device *device);

/* Whether it has given up, and waits for a reset. */
int virtio_is_broken(const struct virtio_device *device);
/* Acknowledges what it has to say, and returns it. */
uint32_t virtio_interrupt_take(const struct virtio_device *device);

/* Queue `index`, with three rings at guest-physical addresses; 0: it refuses. */
int virtio_queue_set(const struct virtio_device *device, uint32_t index, uint32_t size,
                     const uint64_t addresses[3]);
void virtio_notify(const struct virtio_device *device, uint32_t index);

uint8_t virtio_configuration_8(const struct virtio_device *device, uint32_t offset);
uint32_t virtio_configuration_32(const struct virtio_device *device, uint32_t offset);

#endif
