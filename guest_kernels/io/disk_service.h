/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks: a block device's port on one side, a channel to a disk on the other. Data moves between
 * the device and the channel's area of payload, and is never looked at here.
 */
#ifndef DISK_SERVICE_H
#define DISK_SERVICE_H

#include "block_device.h"
#include "disk_server.h"

/* Of one read or write: so that several of them fit the smallest sensible area of payload. */
#define DISK_TRANSFER_LIMIT_SECTORS 256u

struct disk_service {
    struct block_device device;
    struct disk_backend backend;
    struct disk_server server;
};

extern const struct service disk_service;

#endif
