/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See queue.h. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_FIRST_CAPACITY_BYTES 4096u

static bool queue_make_room(struct queue *queue, uint64_t size_bytes)
{
    uint64_t used = queue->tail - queue->head;
    if (used + size_bytes > QUEUE_LIMIT_BYTES) {
        return false;
    }
    if (queue->head > 0) {
        memmove(queue->bytes, queue->bytes + queue->head, used);
        queue->head = 0;
        queue->tail = used;
    }
    uint64_t capacity = queue->capacity == 0 ? QUEUE_FIRST_CAPACITY_BYTES : queue->capacity;
    while (capacity < used + size_bytes) {
        capacity *= 2;
    }
    if (capacity != queue->capacity) {
        uint8_t *bytes = realloc(queue->bytes, capacity);
        if (bytes == NULL) {
            return false;
        }
        queue->bytes = bytes;
        queue->capacity = capacity;
    }
    return true;
}

void *queue_push(struct queue *queue, uint64_t size_bytes)
{
    uint64_t rounded = (size_bytes + 7) & ~7ull;
    if (queue->tail + rounded > queue->capacity && !queue_make_room(queue, rounded)) {
        queue->dropped++;
        return NULL;
    }
    void *room = queue->bytes + queue->tail;
    queue->tail += rounded;
    return room;
}

const void *queue_pop(struct queue *queue, uint64_t size_bytes)
{
    uint64_t rounded = (size_bytes + 7) & ~7ull;
    if (queue->tail - queue->head < rounded) {
        return NULL;
    }
    const void *record = queue->bytes + queue->head;
    queue->head += rounded;
    return record;
}

void queue_free(struct queue *queue)
{
    free(queue->bytes);
    memset(queue, 0, sizeof *queue);
}
