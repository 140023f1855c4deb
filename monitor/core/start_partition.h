/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The start of one partition, in steps; see start_partition.c. */
#ifndef START_PARTITION_H
#define START_PARTITION_H

#include "view_reader.h"

/* Stops a partition that the view describes wrongly. */
void start_refuse(uint32_t partition, uint32_t level, uint64_t address, enum error error);

/* Whether the view says of a partition that has its records what it said when it got them. */
bool start_is_as_before(const struct view_body *body, uint32_t id);

/* The records of a partition and of its virtual processors, all stopped: it is ready. */
void start_partition_records(const struct view_body *body, uint32_t id);

/*
 * One step: its pages, tables and first virtual processor; owners of frames are known. True: it
 * has started, or was refused.
 */
bool start_partition(const struct view_body *body, uint32_t id, uint32_t calling_processor);

#endif
