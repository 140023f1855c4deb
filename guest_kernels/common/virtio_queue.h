/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A split ring of virtio from the driver's side. A request has a row, and the row a table of
 * descriptors of its own: so as many requests fit as there are rows, whatever their pieces are.
 * What the device writes is checked: a row that was not put is not taken.
 */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include "virtio_device.h"

#define VIRTIO_QUEUE_SIZE 128u
#define VIRTIO_PIECE_LIMIT 4u /* of one request */

/* A piece of memory for the device, at a guest-physical address. */
struct virtio_piece {
    uint64_t address;
    uint32_t size_bytes;
    uint32_t written; /* by the device; those that it reads come first */
};

struct virtio_queue {
    const struct virtio_device *device;
    uint32_t index;
    uint64_t first_frame; /* of what queue and tables lie in; 0: nothing has been allocated */
    uint16_t available_index;
    uint16_t used_index;
    uint8_t unnotified; /* something was put since the last notify */
    uint8_t put[VIRTIO_QUEUE_SIZE]; /* by row: the device has it */
};

/* Empty, and known to the device, which virtio_begin has prepared; 0: the device refuses. */
int virtio_queue_start(struct virtio_queue *queue, const struct virtio_device *device,
                       uint32_t index);

/* Nothing comes back any more: the device has been reset. */
void virtio_queue_stop(struct virtio_queue *queue);

/* Hands a row over that the device does not have; it sees it at the next notify. */
void virtio_queue_put(struct virtio_queue *queue, uint32_t row, const struct virtio_piece *pieces,
                      uint32_t count);
void virtio_queue_notify(struct virtio_queue *queue);

/* The next row that comes back; 0: none now. */
int virtio_queue_take(struct virtio_queue *queue, uint32_t *row, uint32_t *written_bytes);

#endif
