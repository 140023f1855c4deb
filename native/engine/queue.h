/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing byte queue of records for Python to take: consoles, logs, marks. Bounded: what
 * does not fit is dropped and counted, so that a flooding guest cannot exhaust the host.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_LIMIT_BYTES (64u << 20)

struct queue {
    uint8_t *bytes;
    uint64_t head, tail, capacity;
    uint64_t dropped;
};

/* Room for a record of this size at the end, or NULL when the limit is reached. */
void *queue_push(struct queue *queue, uint64_t size_bytes);
/* The oldest record's bytes, valid until the next push; NULL when fewer are there. */
const void *queue_pop(struct queue *queue, uint64_t size_bytes);
void queue_free(struct queue *queue);

#endif
