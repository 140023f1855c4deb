/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a queue of a memory channel, by the published rules: a signal goes into the slot
 * behind the head, one slot stays empty. Sizes and the own index are private copies; the other
 * end's index is read once when it is needed, and checked. One user a queue end at a time.
 */
#ifndef SIGNAL_QUEUE_H
#define SIGNAL_QUEUE_H

#include "channel.h"

struct signal_queue {
    volatile struct signal_queue_header *header;
    volatile uint8_t *slots;
    uint32_t slot_count;
    uint32_t signal_size_bytes;
    uint32_t own_index;   /* the producer's head, or the consumer's tail */
    uint32_t other_index; /* the other one, when it was last read */
    uint32_t broken;      /* enum queue_error: why this end does not go on; the first, kept */
    uint64_t count;       /* signals sent, or received */
    uint64_t failed_count; /* overflows, or removals that found nothing */
};

enum queue_insertion {
    QUEUE_INSERTION_broken = -1,
    QUEUE_INSERTION_full = 0,
    QUEUE_INSERTION_sent = 1,
    QUEUE_INSERTION_notify = 2 /* sent into an empty queue: the consumer may wait for an event */
};

enum queue_removal { QUEUE_REMOVAL_broken = -1, QUEUE_REMOVAL_empty = 0, QUEUE_REMOVAL_signal = 1 };

/*
 * Attaches to the queue whose header lies `offset` bytes into the memory of a channel. Returns 0
 * when it does not fit, or an index in it is no slot.
 */
int queue_attach_producer(struct signal_queue *queue, volatile void *channel, uint64_t offset,
                          uint64_t channel_size_bytes);
int queue_attach_consumer(struct signal_queue *queue, volatile void *channel, uint64_t offset,
                          uint64_t channel_size_bytes);

/* A signal has signal_size_bytes. A broken queue's signal may have been sent. */
enum queue_insertion queue_insert(struct signal_queue *queue, const void *signal);
enum queue_removal queue_remove(struct signal_queue *queue, void *signal);

/* Whether the next signal would be sent; not, too, when the queue is broken. */
int queue_has_room(struct signal_queue *queue);

#endif
