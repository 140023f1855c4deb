/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the rules of queues. Knows neither what a signal means nor how an event is sent.
 */
#include "signal_queue.h"

#include "shared_word.h"

static int queue_fits(const struct signal_queue_header *copy, uint64_t room_bytes)
{
    uint64_t size_bytes;

    if (copy->slot_count < CHANNEL_SLOT_MINIMUM || copy->slot_count > CHANNEL_SLOT_LIMIT ||
        copy->signal_size_bytes == 0 || copy->signal_size_bytes > CHANNEL_SIGNAL_LIMIT) {
        return 0;
    }
    size_bytes = (uint64_t)copy->slot_count * copy->signal_size_bytes;
    return copy->slots_offset >= QUEUE_HEADER_SIZE_BYTES && size_bytes <= room_bytes &&
           copy->slots_offset <= room_bytes - size_bytes;
}

/* The copy is what was read; the shared header is not read again. */
static int queue_attach(struct signal_queue *queue, struct signal_queue_header *copy,
                        volatile void *channel, uint64_t offset, uint64_t channel_size_bytes)
{
    volatile uint8_t *header;

    if (channel_size_bytes < QUEUE_HEADER_SIZE_BYTES ||
        offset > channel_size_bytes - QUEUE_HEADER_SIZE_BYTES) {
        return 0;
    }
    header = (volatile uint8_t *)channel + (uintptr_t)offset;
    shared_copy_in(copy, header, sizeof(*copy));
    if (!queue_fits(copy, channel_size_bytes - offset) || copy->head >= copy->slot_count ||
        copy->tail >= copy->slot_count) {
        return 0;
    }
    queue->header = (volatile struct signal_queue_header *)(volatile void *)header;
    queue->slots = header + (uintptr_t)copy->slots_offset;
    queue->slot_count = copy->slot_count;
    queue->signal_size_bytes = copy->signal_size_bytes;
    queue->broken = 0;
    return 1;
}

int queue_attach_producer(struct signal_queue *queue, volatile void *channel, uint64_t offset,
                          uint64_t channel_size_bytes)
{
    struct signal_queue_header copy;

    if (!queue_attach(queue, &copy, channel, offset, channel_size_bytes)) {
        return 0;
    }
    queue->own_index = copy.head;
    queue->other_index = copy.tail;
    queue->count = copy.sent_count;
    queue->failed_count = copy.overflow_count;
    return 1;
}

int queue_attach_consumer(struct signal_queue *queue, volatile void *channel, uint64_t offset,
                          uint64_t channel_size_bytes)
{
    struct signal_queue_header copy;

    if (!queue_attach(queue, &copy, channel, offset, channel_size_bytes)) {
        return 0;
    }
    queue->own_index = copy.tail;
    queue->other_index = copy.head;
    queue->count = copy.received_count;
    queue->failed_count = copy.empty_count;
    return 1;
}

static uint32_t queue_following(const struct signal_queue *queue)
{
    uint32_t following = queue->own_index + 1;

    return following == queue->slot_count ? 0 : following;
}

static volatile uint8_t *queue_slot(const struct signal_queue *queue, uint32_t slot)
{
    return queue->slots + (uintptr_t)slot * queue->signal_size_bytes;
}

/* Reads the other end's index once. Returns 0 for one that is no slot: the queue is broken. */
static int queue_refresh(struct signal_queue *queue, const volatile uint32_t *index,
                         enum queue_error error)
{
    uint32_t value = shared_read_32(index);

    if (value >= queue->slot_count) {
        queue->broken = error;
        __atomic_fetch_or(&queue->header->error_flags, (uint32_t)error, __ATOMIC_SEQ_CST);
        return 0;
    }
    queue->other_index = value;
    return 1;
}

static int queue_refresh_tail(struct signal_queue *queue)
{
    return queue_refresh(queue, &queue->header->tail, QUEUE_ERROR_tail);
}

int queue_has_room(struct signal_queue *queue)
{
    uint32_t following = queue_following(queue);

    if (queue->broken != 0) {
        return 0;
    }
    return following != queue->other_index ||
           (queue_refresh_tail(queue) && following != queue->other_index);
}

enum queue_insertion queue_insert(struct signal_queue *queue, const void *signal)
{
    uint32_t old = queue->own_index;
    uint32_t following = queue_following(queue);

    if (!queue_has_room(queue)) {
        if (queue->broken != 0) {
            return QUEUE_INSERTION_broken;
        }
        queue->failed_count++;
        shared_write_64(&queue->header->overflow_count, queue->failed_count);
        return QUEUE_INSERTION_full;
    }
    shared_copy_out(queue_slot(queue, following), signal, queue->signal_size_bytes);
    shared_write_32(&queue->header->head, following);
    queue->own_index = following;
    queue->count++;
    shared_write_64(&queue->header->sent_count, queue->count);
    /* The tail is read after the head can be seen: a consumer that found nothing is noticed. */
    shared_fence();
    if (!queue_refresh_tail(queue)) {
        return QUEUE_INSERTION_broken;
    }
    return queue->other_index == old ? QUEUE_INSERTION_notify : QUEUE_INSERTION_sent;
}

enum queue_removal queue_remove(struct signal_queue *queue, void *signal)
{
    uint32_t following = queue_following(queue);

    if (queue->broken != 0) {
        return QUEUE_REMOVAL_broken;
    }
    if (queue->other_index == queue->own_index) {
        /* The head is read after the tail can be seen: the counterpart of the fence above. */
        shared_fence();
        if (!queue_refresh(queue, &queue->header->head, QUEUE_ERROR_head)) {
            return QUEUE_REMOVAL_broken;
        }
        if (queue->other_index == queue->own_index) {
            queue->failed_count++;
            shared_write_64(&queue->header->empty_count, queue->failed_count);
            return QUEUE_REMOVAL_empty;
        }
    }
    shared_copy_in(signal, queue_slot(queue, following), queue->signal_size_bytes);
    shared_write_32(&queue->header->tail, following);
    queue->own_index = following;
    queue->count++;
    shared_write_64(&queue->header->received_count, queue->count);
    return QUEUE_REMOVAL_signal;
}
