/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a partition; see partition.c. */
#ifndef PARTITION_H
#define PARTITION_H

#include "state.h"

/* For partition_stop: no processor is in the monitor on behalf of the stop. */
#define PROCESSOR_NONE PROCESSOR_LIMIT

/*
 * Stops all of a partition that has not stopped yet, so that the first reason is kept: its guest
 * does nothing afterwards that could be another. Returns the record to fill with the details. Other
 * processors that run it are kicked off.
 */
struct stop_record *partition_stop(struct partition *partition, enum stop_reason reason,
                                   uint32_t calling_processor);

/*
 * Stops it as well, unless it has stopped, for losing what it may still refer to. Nothing of it is
 * touched before every processor has entered the monitor with something else.
 */
void partition_sever(struct partition *partition, uint32_t calling_processor);

/* The stop of a partition that has nothing left to run. */
void partition_stop_deserted(struct partition *partition, uint32_t calling_processor);

#endif
