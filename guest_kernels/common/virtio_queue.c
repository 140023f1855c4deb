/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the layout of the rings: a frame of descriptors and available heads, one of used ones, and
 * behind them the rows' tables.
 */
#include "virtio_queue.h"

#include "bytes.h"
#include "memory.h"

#define DESCRIPTOR_NEXT 0x1u
#define DESCRIPTOR_WRITE 0x2u
#define DESCRIPTOR_INDIRECT 0x4u
#define AVAILABLE_OFFSET 2048u /* in the first frame, behind the descriptors */

struct ring_descriptor {
    uint64_t address;
    uint32_t size_bytes;
    uint16_t flags;
    uint16_t next;
};

struct ring_available {
    uint16_t flags;
    uint16_t index;
    uint16_t heads[VIRTIO_QUEUE_SIZE];
};

struct ring_used {
    uint16_t flags;
    uint16_t index;
    struct {
        uint32_t head;
        uint32_t size_bytes;
    } entries[VIRTIO_QUEUE_SIZE];
};

#define TABLE_SIZE_BYTES (VIRTIO_PIECE_LIMIT * (uint32_t)sizeof(struct ring_descriptor))
#define TABLES_FRAME 2u
#define FRAME_COUNT (TABLES_FRAME + VIRTIO_QUEUE_SIZE * TABLE_SIZE_BYTES / PAGE_SIZE_BYTES)

_Static_assert(VIRTIO_QUEUE_SIZE * sizeof(struct ring_descriptor) <= AVAILABLE_OFFSET,
               "the available ring lies behind the descriptors");

static struct ring_descriptor *descriptors(const struct virtio_queue *queue)
{
    return frame_pointer(queue->first_frame);
}

static volatile struct ring_available *available(const struct virtio_queue *queue)
{
    return (void *)((uint8_t *)frame_pointer(queue->first_frame) + AVAILABLE_OFFSET);
}

static const volatile struct ring_used *used(const struct virtio_queue *queue)
{
    return frame_pointer(queue->first_frame + 1);
}

static uint64_t table_address(const struct virtio_queue *queue, uint32_t row)
{
    return ((queue->first_frame + TABLES_FRAME) << PAGE_SHIFT) + row * TABLE_SIZE_BYTES;
}

static struct ring_descriptor *table(const struct virtio_queue *queue, uint32_t row)
{
    uint8_t *tables = frame_pointer(queue->first_frame + TABLES_FRAME);

    return (void *)(tables + row * TABLE_SIZE_BYTES);
}

int virtio_queue_start(struct virtio_queue *queue, const struct virtio_device *device,
                       uint32_t index)
{
    uint64_t address;

    if (queue->first_frame == 0) {
        queue->first_frame = frames_allocate(FRAME_COUNT);
    }
    address = queue->first_frame << PAGE_SHIFT;
    queue->device = device;
    queue->index = index;
    queue->available_index = 0;
    queue->used_index = 0;
    queue->unnotified = 0;
    memset(queue->put, 0, sizeof(queue->put));
    memset(frame_pointer(queue->first_frame), 0, 2 * PAGE_SIZE_BYTES);
    return virtio_queue_set(
        device, index, VIRTIO_QUEUE_SIZE,
        (const uint64_t[]){address, address + AVAILABLE_OFFSET, address + PAGE_SIZE_BYTES});
}

void virtio_queue_stop(struct virtio_queue *queue)
{
    memset(queue->put, 0, sizeof(queue->put));
    queue->unnotified = 0;
}

void virtio_queue_put(struct virtio_queue *queue, uint32_t row, const struct virtio_piece *pieces,
                      uint32_t count)
{
    volatile struct ring_available *ring = available(queue);
    struct ring_descriptor *entries = table(queue, row);

    for (uint32_t i = 0; i < count; i++) {
        entries[i].address = pieces[i].address;
        entries[i].size_bytes = pieces[i].size_bytes;
        entries[i].flags = (uint16_t)((pieces[i].written ? DESCRIPTOR_WRITE : 0) |
                                      (i + 1 < count ? DESCRIPTOR_NEXT : 0));
        entries[i].next = (uint16_t)(i + 1);
    }
    descriptors(queue)[row] = (struct ring_descriptor){
        .address = table_address(queue, row),
        .size_bytes = count * (uint32_t)sizeof(*entries),
        .flags = DESCRIPTOR_INDIRECT,
    };
    queue->put[row] = 1;
    ring->heads[queue->available_index % VIRTIO_QUEUE_SIZE] = (uint16_t)row;
    queue->available_index++;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    ring->index = queue->available_index;
    queue->unnotified = 1;
}

void virtio_queue_notify(struct virtio_queue *queue)
{
    if (queue->unnotified) {
        queue->unnotified = 0;
        virtio_notify(queue->device, queue->index);
    }
}

int virtio_queue_take(struct virtio_queue *queue, uint32_t *row, uint32_t *written_bytes)
{
    const volatile struct ring_used *ring;

    if (queue->first_frame == 0) {
        return 0;
    }
    ring = used(queue);
    while (ring->index != queue->used_index) {
        uint32_t entry = queue->used_index++ % VIRTIO_QUEUE_SIZE;

        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        *row = ring->entries[entry].head;
        *written_bytes = ring->entries[entry].size_bytes;
        if (*row < VIRTIO_QUEUE_SIZE && queue->put[*row]) {
            queue->put[*row] = 0;
            return 1;
        }
    }
    return 0;
}
