/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way of a client to its disk: a channel to an I/O partition, with the area of payload that is
 * lent to requests. Checks what the server says of itself and in its answers; what a request
 * means and when it is repeated, disk.h knows.
 */
#ifndef DISK_PATH_H
#define DISK_PATH_H

#include "io_channel.h"
#include "payload_area.h"

enum disk_path_state {
    DISK_PATH_closed = 0,
    DISK_PATH_asked = 1, /* attached; what the disk is, has been asked */
    DISK_PATH_open = 2,
    DISK_PATH_broken = 3 /* the server does not keep the rules: not touched again */
};

struct disk_path {
    struct io_channel channel;
    struct payload_area area;
    enum disk_path_state state;
    uint64_t describe_request;
    uint64_t capacity_sectors;
    uint32_t transfer_limit_sectors; /* of the server and of the area */
    uint32_t flags;                  /* DISK_FLAG_... */
};

enum disk_path_result {
    DISK_PATH_RESULT_broken = -1,
    DISK_PATH_RESULT_none = 0, /* no room, no answer, no channel yet */
    DISK_PATH_RESULT_done = 1,
    DISK_PATH_RESULT_notify = 2 /* done, and the server may be waiting for an event */
};

/* Asks what the disk is, under this number. Whatever was there before is forgotten. */
enum disk_path_result disk_path_open(struct disk_path *path, volatile void *memory,
                                     uint64_t available_bytes, uint64_t request);
void disk_path_close(struct disk_path *path);

enum disk_path_result disk_path_send(struct disk_path *path, const struct disk_signal *signal);

/* The next answer to a request; the one that says what the disk is, opens the path and is kept. */
enum disk_path_result disk_path_take(struct disk_path *path, struct disk_signal *answer);

#endif
