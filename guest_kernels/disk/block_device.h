/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A block device of virtio over its registers, one request at a time; see block_device.c. */
#ifndef BLOCK_DEVICE_H
#define BLOCK_DEVICE_H

#include <stdint.h>

#define SECTOR_SIZE_BYTES 512

enum block_request { BLOCK_REQUEST_read = 0, BLOCK_REQUEST_write = 1, BLOCK_REQUEST_flush = 4 };

/* What a request ends with; the last one is ours: the device wants a reset, and no status came. */
enum block_end { BLOCK_END_ok = 0, BLOCK_END_failed = 1, BLOCK_END_broken = 255 };

/* From reset to running, with one ring; the interrupt is an event of the device's port. */
void block_start(void);
uint64_t block_sector_count(void);
/* To or from a device address: guest-physical. Waits for the event. */
enum block_end block_transfer(enum block_request request, uint64_t sector, uint64_t address,
                              uint32_t size_bytes);
enum block_end block_flush(void);

#endif
