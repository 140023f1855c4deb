/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The start of one partition, in two steps; see start_partition.c. */
#ifndef START_PARTITION_H
#define START_PARTITION_H

#include "view_reader.h"

/* Stops a partition that the view describes wrongly. */
void start_refuse(uint32_t partition, uint32_t level, uint64_t address, enum error error);

/* The records of a partition and of its virtual processors, all stopped. */
void start_partition_records(const struct view_body *body, uint32_t id);

/* Its pages, tables and first virtual processor; owners of frames are known. */
void start_partition(const struct view_body *body, uint32_t id);

#endif
