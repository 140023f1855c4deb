/* SPDX-License-Identifier: MIT */
/*
 * What is carried in the channels between a guest and an I/O partition: disks and networks, and how
 * a partition finds the registers of a device that it owns. Header and queues of these channels
 * are those of channel.h; queue 0 leads from the guest to the I/O partition. All buffers lie in the
 * channel's area of payload, which belongs to the guest: it says with each signal what is where.
 */
#ifndef ABI_IO_H
#define ABI_IO_H

#include "abi.h"

/* In channel_header.version, by type. */
#define CHANNEL_VERSION_DISK 1
#define CHANNEL_VERSION_NETWORK 1

/* Both queues of both types: so many slots of so many bytes; the area of payload follows them. */
#define IO_SLOT_COUNT 128
#define IO_SIGNAL_SIZE_BYTES 64
#define IO_PAYLOAD_OFFSET 20480 /* from the channel's beginning to its end: the area of payload */
#define IO_CHANNEL_SIZE_MINIMUM_BYTES 86016

#define SECTOR_SIZE_BYTES 512

/* Bits of disk_signal.flags in an answer to DISK_OPERATION_describe. */
#define DISK_FLAG_READ_ONLY 0x1
#define DISK_FLAG_DISCARD 0x2 /* discard and write_zeroes are known */

enum disk_operation {
    DISK_OPERATION_describe = 1,     /* answered with capacity, transfer limit and flags */
    DISK_OPERATION_read = 2,
    DISK_OPERATION_write = 3,
    DISK_OPERATION_flush = 4,        /* what was acknowledged before it was sent, is kept */
    DISK_OPERATION_discard = 5,
    DISK_OPERATION_write_zeroes = 6
};

enum disk_status {
    DISK_STATUS_ok = 0,
    DISK_STATUS_io_error = 1,
    DISK_STATUS_unsupported = 2,
    DISK_STATUS_invalid = 3,   /* a range beyond the disk, or a buffer beyond the area */
    DISK_STATUS_read_only = 4,
    DISK_STATUS_no_space = 5,  /* of the host's file */
    DISK_STATUS_fenced = 6     /* this path may not reach the disk: the other one does */
};

/* A request, and its answer under the same number. An answer may come in any order. */
struct disk_signal {
    uint64_t request;   /* the guest's number; echoed */
    uint32_t operation; /* enum disk_operation; echoed */
    uint32_t status;    /* answers: enum disk_status */
    uint64_t sector;
    uint32_t sector_count;
    uint32_t payload_offset; /* from the channel's beginning; reads and writes */
    uint64_t capacity_sectors;      /* answers to describe */
    uint32_t transfer_limit_sectors; /* answers to describe: of one read or write */
    uint32_t flags;
    uint64_t reserved0[2];
};

enum network_operation {
    NETWORK_OPERATION_describe = 1, /* answered with address and size limit */
    NETWORK_OPERATION_send = 2,     /* answered when the buffer is the guest's again */
    NETWORK_OPERATION_post = 3,     /* a buffer to receive into; answered with what came */
    NETWORK_OPERATION_reclaim = 4,  /* every posted buffer is given back, with status cancelled */
    NETWORK_OPERATION_link = 5      /* to the guest, unasked: flags say whether the link is up */
};

enum network_status {
    NETWORK_STATUS_ok = 0,
    NETWORK_STATUS_dropped = 1,
    NETWORK_STATUS_invalid = 2,
    NETWORK_STATUS_cancelled = 3,
    NETWORK_STATUS_unsupported = 4
};

#define NETWORK_FLAG_LINK_UP 0x1
#define NETWORK_FRAME_LIMIT_BYTES 1514 /* an Ethernet frame, without its check sequence */
#define NETWORK_ADDRESS_SIZE_BYTES 6

struct network_signal {
    uint64_t request;   /* the guest's number; echoed */
    uint32_t operation; /* enum network_operation */
    uint32_t status;    /* answers: enum network_status */
    uint32_t payload_offset; /* of the frame, from the channel's beginning */
    uint32_t size_bytes; /* send: of the frame; post: of the buffer, answered with the frame's */
    uint32_t flags;
    uint8_t address[NETWORK_ADDRESS_SIZE_BYTES]; /* answers to describe: the guest's own */
    uint8_t reserved0[6];
    uint64_t reserved1[3];
};

#endif
