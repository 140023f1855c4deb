/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serving end of a channel to a disk (io.h): takes requests, has a back end carry out those
 * that are right, and answers. What it says is done, the back end has done: nothing is kept back
 * here. It serves only while it operates; before and after, requests are answered as fenced.
 */
#ifndef DISK_SERVER_H
#define DISK_SERVER_H

#include "io_channel.h"

/* What a back end is asked to do, checked: range and buffer lie where they may. */
struct disk_transfer {
    uint64_t sector;
    uint32_t sector_count;
    uint32_t operation;      /* enum disk_operation, never describe */
    uint32_t payload_offset; /* from the channel's beginning; reads and writes */
};

struct disk_backend {
    /*
     * Begins a transfer; disk_server_complete is to follow once, with the same tag, and may be
     * called at once. 0: there is no room now; asked again when something has been completed.
     */
    int (*start)(void *context, uint32_t tag, const struct disk_transfer *transfer);
    /* The client may be waiting: send it the event. */
    void (*notify)(void *context);
    uint64_t capacity_sectors;
    uint32_t transfer_limit_sectors; /* of one read or write */
    uint32_t flags;                  /* DISK_FLAG_... */
};

struct disk_server_request {
    uint32_t tag; /* 0: free, or answered */
    struct disk_signal signal;
};

struct disk_server {
    struct io_channel channel;
    const struct disk_backend *backend;
    void *context;
    uint64_t channel_size_bytes;
    uint32_t turn; /* makes the tags of two uses of a row differ */
    uint8_t operating;
    uint8_t held; /* whether the back end had no room for held_row, which goes first */
    uint32_t held_row;
    uint32_t free_count;
    uint32_t late_begin; /* answers that found no room in the queue, in their order */
    uint32_t late_count;
    uint8_t free_rows[IO_SLOT_COUNT];
    uint8_t late_rows[IO_SLOT_COUNT];
    struct disk_server_request rows[IO_SLOT_COUNT];
    uint64_t stray_count; /* completions of nothing that is under way */
};

/*
 * Makes the channel, of which nothing remains, and does not operate yet; 0 when it is too small
 * or the client meddles with it: then it is not served.
 */
int disk_server_start(struct disk_server *server, volatile void *memory, uint64_t size_bytes,
                      const struct disk_backend *backend, void *context);

/*
 * The device's port is this partition's, or no longer. What was asked before, under way or not,
 * is answered as fenced: it may have been carried out by another since.
 */
void disk_server_operate(struct disk_server *server, int operating);

/* Takes what is asked, at most one queue of it: how much, or -1 when the client broke a queue. */
int32_t disk_server_poll(struct disk_server *server);

/* A transfer has ended, with an enum disk_status. */
void disk_server_complete(struct disk_server *server, uint32_t tag, uint32_t status);

#endif
