/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver of virtio's network devices: frames and buffers lie where the caller says, nothing is
 * copied; no offloads. Waits for nothing.
 */
#ifndef NETWORK_DEVICE_H
#define NETWORK_DEVICE_H

#include "io.h"
#include "virtio_queue.h"

/* One of the two queues, with its rows' tags. */
struct network_line {
    struct virtio_queue queue;
    uint32_t free_count;
    uint8_t free_rows[VIRTIO_QUEUE_SIZE];
    uint32_t tags[VIRTIO_QUEUE_SIZE];
};

struct network_device {
    struct virtio_device registers;
    struct network_line receive;
    struct network_line transmit;
    uint64_t headers_frame; /* 0: none yet */
    uint32_t frame_limit_bytes;
    uint8_t address[NETWORK_ADDRESS_SIZE_BYTES];
    uint8_t link_up;
    uint8_t running;
};

/* From reset to running, with nothing under way; 0: these registers are of no such device. */
int network_device_start(struct network_device *device);
/* What is under way is forgotten: it has no effect any more, and never ends. */
void network_device_stop(struct network_device *device);
/* Whether the link is up, asked anew. */
int network_device_link(struct network_device *device);

/* A frame, or a buffer for one, at a guest-physical address; 0: there is no room. */
int network_device_send(struct network_device *device, uint32_t tag, uint64_t address,
                        uint32_t size_bytes);
int network_device_post(struct network_device *device, uint32_t tag, uint64_t address,
                        uint32_t size_bytes);
/* The device looks at what was begun. */
void network_device_notify(struct network_device *device);
/* The next that has ended, a buffer with the size of the frame in it; 0: none now. */
int network_device_take(struct network_device *device, uint32_t *tag, uint32_t *size_bytes);

#endif
