/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A block device of virtio over its registers, one request at a time; see block_device.c. */
#ifndef BLOCK_DEVICE_H
#define BLOCK_DEVICE_H

#include "view.h"

#define SECTOR_SIZE_BYTES 512

enum block_request { BLOCK_REQUEST_read = 0, BLOCK_REQUEST_write = 1 };

/* What a request ends with; the last one is ours: the device wants a reset, and no status came. */
enum block_end { BLOCK_END_ok = 0, BLOCK_END_failed = 1, BLOCK_END_broken = 255 };

/* Waits until the view has a device for the caller, and its registers can be mapped. */
void block_find(struct view_device *device);
/* From reset to running, with one ring in fresh frames; the interrupt is an event of its port. */
void block_start(const struct view_device *device);
uint64_t block_sector_count(void);
/* To or from a device address: guest-physical. Waits for the event. */
enum block_end block_transfer(enum block_request request, uint64_t sector, uint64_t address,
                              uint32_t size_bytes);
/* Events that have come, and loads of the interrupt's register that found something. */
uint32_t block_event_count(void);

#endif
