/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of all kinds to anywhere on a disk, from a seed, many of them under way at a time; and
 * whether each read saw what was written before it.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "disk.h"

#define REQUESTS_SPAN_LIMIT 4096u /* sectors */
#define REQUESTS_SECTOR_LIMIT 16u /* of one request */

struct requests_plan {
    uint64_t seed;
    uint32_t count;
    uint32_t depth; /* under way at the same time, up to DISK_DEPTH */
    uint32_t sectors; /* of one request, at most */
    uint32_t span; /* sectors from the disk's beginning */
    uint8_t records; /* marks say what begins and ends: marks.h */
};

struct requests_result {
    uint32_t ended;
    uint32_t failed; /* the disk said so */
    uint32_t wrong;  /* reads of what was not there */
};

/* Returns when all have ended and the whole span has been read back. */
struct requests_result requests_do(struct disk *disk, const struct requests_plan *plan);

#endif
