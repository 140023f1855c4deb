/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Equal requests one behind the other, many of them under way: what is measured.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include "disk.h"

struct sequence_plan {
    uint32_t count;   /* of requests, once around the disk where it is shorter */
    uint32_t depth;   /* under way at the same time, up to DISK_DEPTH */
    uint32_t sectors; /* of each */
};

/* So many requests, all of this operation: how many did not end well. */
uint32_t sequence_do(struct disk *disk, const struct sequence_plan *plan, uint32_t operation);

#endif
