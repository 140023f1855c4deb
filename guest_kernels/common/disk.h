/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that is reached by two paths, of which one operates. A request and its data stay in its
 * user's memory until it ends: when the path that has it is lost, it is sent again by the next that
 * operates, and the user sees a delay. Requests that overlap are done in the order in which they
 * were submitted; a flush keeps what had ended before it was submitted. One user at a time.
 *
 * Which path operates, the user is told over its control channel (control.h: the device's state has
 * SEGMENT_STATE_operating) and says here: only others know that the old one can no longer write.
 */
#ifndef DISK_H
#define DISK_H

#include "disk_path.h"

#define DISK_PATH_COUNT 2u
#define DISK_DEPTH 64u               /* requests that are sent at the same time */
#define DISK_STATUS_pending UINT32_MAX /* beside enum disk_status, while a request has not ended */

struct disk_request {
    uint32_t operation; /* enum disk_operation, not describe */
    uint32_t sector_count;
    uint64_t sector;
    void *data; /* of reads and writes; the disk's until the end */
    void (*ended)(struct disk_request *request); /* may be 0; may submit others */
    void *context; /* the user's */
    uint32_t status; /* enum disk_status, or DISK_STATUS_pending */
    /* The disk's own. */
    uint32_t payload_offset;
    uint64_t number; /* under which it was sent; 0: it was not, or no longer is */
    struct disk_request *earlier;
    struct disk_request *later;
};

struct disk_operations {
    /* The server at the end of this path may be waiting: send it the event. */
    void (*notify)(void *context, uint32_t path);
    /* A path that was to operate does not: tell the ultravisor. May be 0. */
    void (*lost)(void *context, uint32_t path);
    /* disk_transfer has nothing to do: wait for an event, take control messages. */
    void (*wait)(void *context);
};

struct disk_place {
    volatile void *memory; /* 0: there is no channel */
    uint64_t size_bytes;
    uint8_t lost; /* until it is said not to operate: what it had may still be under way */
};

struct disk {
    const struct disk_operations *operations;
    void *context;
    struct disk_place places[DISK_PATH_COUNT];
    struct disk_path path; /* of the channel that operates */
    uint32_t operating; /* its number; DISK_PATH_COUNT: none */
    uint64_t capacity_sectors; /* 0: not known yet */
    uint32_t transfer_limit_sectors;
    uint32_t flags; /* DISK_FLAG_... */
    struct disk_request *first; /* of those that have not ended, as they were submitted */
    struct disk_request *last;
    struct disk_request *unsent; /* the first that may be to be sent; 0: all have been */
    uint64_t number; /* the last that was given; none is given twice */
    uint32_t free_count;
    uint8_t free_rows[DISK_DEPTH];
    struct disk_request *sent[DISK_DEPTH];
    uint64_t ended_count;
    uint64_t repeated_count; /* sent, and to be sent again */
    uint64_t lost_count; /* paths */
    uint64_t stray_count; /* answers to nothing */
};

void disk_start(struct disk *disk, const struct disk_operations *operations, void *context);

/* There is a channel, which does not operate yet; 0 for a number that no path has. */
int disk_path_appeared(struct disk *disk, uint32_t path, volatile void *memory,
                       uint64_t size_bytes);
/* It operates: of all others this is the end. Or it does so no longer. */
void disk_path_operates(struct disk *disk, uint32_t path, int operating);
/* It is not touched any more. */
void disk_path_vanished(struct disk *disk, uint32_t path);

/* Begins, as soon as there is a path. */
void disk_submit(struct disk *disk, struct disk_request *request);

/* Takes answers and sends what can be sent: how much it did. To be called after each event. */
uint32_t disk_poll(struct disk *disk);

/* Submits and waits for the end, in pieces where needed: the first enum disk_status that is bad. */
uint32_t disk_transfer(struct disk *disk, uint32_t operation, uint64_t sector,
                       uint32_t sector_count, void *data);

#endif
