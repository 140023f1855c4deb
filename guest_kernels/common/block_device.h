/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver of virtio's block devices: as many requests in flight as the queue has rows, each with
 * its data where the caller says, nothing copied. A range that is longer than the device takes at
 * once is done piece by piece, and is one request to the caller. Waits for nothing.
 */
#ifndef BLOCK_DEVICE_H
#define BLOCK_DEVICE_H

#include "io.h"
#include "virtio_queue.h"

struct block_transfer {
    uint32_t operation; /* enum disk_operation, never describe */
    uint32_t sector_count;
    uint64_t sector;
    uint64_t address; /* of the data, guest-physical; reads and writes */
};

struct block_row {
    uint32_t tag;
    uint32_t sent_sectors; /* of the piece that is under way */
    struct block_transfer rest; /* from that piece on */
};

struct block_device {
    struct virtio_device registers;
    struct virtio_queue queue;
    uint64_t requests_frame; /* what the device reads and writes of each row; 0: none yet */
    uint64_t capacity_sectors;
    uint32_t flags; /* DISK_FLAG_... */
    uint32_t piece_sectors; /* of reads and writes */
    uint32_t discard_sectors;
    uint32_t write_zeroes_sectors;
    uint32_t free_count;
    uint8_t free_rows[VIRTIO_QUEUE_SIZE];
    struct block_row rows[VIRTIO_QUEUE_SIZE];
};

/* From reset to running, with nothing under way; 0: these registers are of no such device. */
int block_start(struct block_device *device);
/* What is under way is forgotten: it has no effect any more, and never ends. */
void block_stop(struct block_device *device);

/* Begins a request that lies on the disk; 0: there is no room. The device sees it at the notify. */
int block_begin(struct block_device *device, uint32_t tag, const struct block_transfer *transfer);
void block_notify(struct block_device *device);
/* The next request that has ended, with its enum disk_status; 0: none now. */
int block_take(struct block_device *device, uint32_t *tag, uint32_t *status);

#endif
