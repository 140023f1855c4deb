/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The split virtqueue of virtio 1.2, section 2.7, from the device's side. A walk takes at most as
 * many steps as the queue has descriptors, so a loop ends it. Called by virtio_mmio.c and the
 * models; it reaches guest memory through the environment only.
 */
#include <stdatomic.h>
#include <string.h>

#include "model.h"
#include "virtqueue.h"

/* Available ring: flags, index, heads. Used ring: flags, index, elements. */
#define RING_INDEX_OFFSET 2
#define RING_ENTRIES_OFFSET 4
#define RING_EXTRA_BYTES 6 /* flags, index and the event index behind the entries */
#define HEAD_SIZE_BYTES 2
#define USED_SIZE_BYTES 8

struct descriptor {
    uint64_t address;
    uint32_t size_bytes;
    uint16_t flags;
    uint16_t next;
};

struct used_element {
    uint32_t head;
    uint32_t written_bytes;
};

/* A table of descriptors: the queue's own, or an indirect one. */
struct table {
    uint64_t address;
    uint32_t count;
};

static bool range_wraps(uint64_t address, uint64_t size_bytes)
{
    return size_bytes > UINT64_MAX - address;
}

/* All pieces of a range, each reached just before it is visited. */
static int range_visit(struct device *device, struct segment range, bool write,
                       chain_visitor *visitor, void *context)
{
    const struct device_environment *environment = device->environment;
    while (range.size_bytes != 0) {
        uint64_t piece = range.size_bytes;
        uint8_t *data = environment->reach(environment->machine, device->options.id, range.address,
                                           &piece, write);
        if (data == NULL || piece == 0 || piece > range.size_bytes) {
            return CHAIN_REFUSED;
        }
        int result = visitor == NULL ? 0 : visitor(context, data, piece);
        if (result != 0) {
            return result;
        }
        range.address += piece;
        range.size_bytes -= piece;
    }
    return 0;
}

struct copy {
    uint8_t *into;
    const uint8_t *from;
};

static int copy_out(void *context, uint8_t *data, uint64_t size_bytes)
{
    struct copy *copy = context;
    memcpy(copy->into, data, size_bytes);
    copy->into += size_bytes;
    return 0;
}

static int copy_in(void *context, uint8_t *data, uint64_t size_bytes)
{
    struct copy *copy = context;
    memcpy(data, copy->from, size_bytes);
    copy->from += size_bytes;
    return 0;
}

/* The fence keeps the compiler from reading the driver's memory again instead of the copy. */
static bool memory_read(struct device *device, uint64_t address, void *data, uint64_t size_bytes)
{
    struct copy copy = {.into = data};
    struct segment range = {address, size_bytes};
    bool wraps = range_wraps(address, size_bytes);
    bool done = !wraps && range_visit(device, range, false, copy_out, &copy) == 0;
    atomic_thread_fence(memory_order_acquire);
    return done;
}

static bool memory_write(struct device *device, uint64_t address, const void *data,
                         uint64_t size_bytes)
{
    struct copy copy = {.from = data};
    struct segment range = {address, size_bytes};
    bool wraps = range_wraps(address, size_bytes);
    atomic_thread_fence(memory_order_release);
    return !wraps && range_visit(device, range, true, copy_in, &copy) == 0;
}

bool queue_valid(const struct queue *queue)
{
    uint32_t size = queue->size;
    bool counted = size != 0 && size <= QUEUE_SIZE_MAXIMUM && (size & (size - 1)) == 0;
    return counted && queue->descriptor_address % DESCRIPTOR_SIZE_BYTES == 0 &&
           queue->driver_address % 2 == 0 && queue->device_address % 4 == 0 &&
           !range_wraps(queue->descriptor_address, (uint64_t)size * DESCRIPTOR_SIZE_BYTES) &&
           !range_wraps(queue->driver_address,
                        (uint64_t)size * HEAD_SIZE_BYTES + RING_EXTRA_BYTES) &&
           !range_wraps(queue->device_address, (uint64_t)size * USED_SIZE_BYTES + RING_EXTRA_BYTES);
}

/* How many heads are available that have not been taken. Negative: broken. */
static int32_t queue_available(struct device *device, const struct queue *queue)
{
    uint16_t index;
    if (!memory_read(device, queue->driver_address + RING_INDEX_OFFSET, &index, sizeof index)) {
        device_break(device, "available ring at %#llx: address refused",
                     (unsigned long long)queue->driver_address);
        return -1;
    }
    uint16_t outstanding = (uint16_t)(index - queue->used_next);
    uint16_t fresh = (uint16_t)(index - queue->available_next);
    if (outstanding > queue->size || fresh > outstanding) {
        device_break(device, "available ring: index %u, with %u used and a size of %u", index,
                     queue->used_next, queue->size);
        return -1;
    }
    return fresh;
}

static bool queue_head(struct device *device, struct queue *queue, uint16_t *head)
{
    uint64_t entry = queue->available_next & (queue->size - 1);
    uint64_t address = queue->driver_address + RING_ENTRIES_OFFSET + entry * HEAD_SIZE_BYTES;
    if (!memory_read(device, address, head, sizeof *head)) {
        device_break(device, "available ring at %#llx: address refused",
                     (unsigned long long)address);
        return false;
    }
    if (*head >= queue->size) {
        device_break(device, "available ring: head %u in a queue of %u", *head, queue->size);
        return false;
    }
    queue->available_next++;
    return true;
}

bool queue_take(struct device *device, struct queue *queue, uint64_t due_cycles)
{
    int32_t fresh = queue_available(device, queue);
    for (int32_t taken = 0; taken < fresh; taken++) {
        uint16_t head;
        if (!queue_head(device, queue, &head)) {
            return false;
        }
        queue->requests[queue->request_count++] = (struct queue_request){due_cycles, head};
    }
    return fresh >= 0;
}

bool queue_take_one(struct device *device, struct queue *queue, uint16_t *head)
{
    return queue_available(device, queue) > 0 && queue_head(device, queue, head);
}

void queue_forget(struct queue *queue, uint32_t count)
{
    uint32_t rest = queue->request_count - count;
    memmove(queue->requests, queue->requests + count, rest * sizeof queue->requests[0]);
    memset(queue->requests + rest, 0, count * sizeof queue->requests[0]);
    queue->request_count = rest;
}

static bool chain_add(struct device *device, struct chain *chain, const struct descriptor *one)
{
    bool writable = (one->flags & DESCRIPTOR_WRITE) != 0;
    if (one->size_bytes == 0 || range_wraps(one->address, one->size_bytes)) {
        device_break(device, "descriptor of %u bytes at %#llx", one->size_bytes,
                     (unsigned long long)one->address);
        return false;
    }
    if (!writable && chain->segment_count != chain->readable_count) {
        device_break(device, "readable descriptor behind a writable one");
        return false;
    }
    chain->segments[chain->segment_count++] = (struct segment){one->address, one->size_bytes};
    if (writable) {
        chain->writable_bytes += one->size_bytes;
    } else {
        chain->readable_count++;
        chain->readable_bytes += one->size_bytes;
    }
    return true;
}

/* Follows a descriptor that refers to a table: from there on, that table is walked. */
static bool table_enter(struct device *device, struct table *table, const struct descriptor *one,
                        bool indirect, uint32_t queue_size)
{
    uint32_t count = one->size_bytes / DESCRIPTOR_SIZE_BYTES;
    const char *wrong = NULL;
    if ((device->state.driver_features & FEATURE_INDIRECT) == 0) {
        wrong = "was not negotiated";
    } else if (indirect) {
        wrong = "inside an indirect table";
    } else if ((one->flags & DESCRIPTOR_NEXT) != 0) {
        wrong = "with a next one";
    } else if (one->size_bytes % DESCRIPTOR_SIZE_BYTES != 0 || count == 0 || count > queue_size) {
        wrong = "of a wrong size";
    } else if (range_wraps(one->address, one->size_bytes)) {
        wrong = "beyond all addresses";
    }
    if (wrong != NULL) {
        device_break(device, "indirect descriptor %s", wrong);
        return false;
    }
    *table = (struct table){one->address, count};
    return true;
}

static bool descriptor_read(struct device *device, const struct table *table, uint32_t index,
                            struct descriptor *one)
{
    if (index >= table->count) {
        device_break(device, "descriptor %u in a table of %u", index, table->count);
        return false;
    }
    uint64_t address = table->address + (uint64_t)index * DESCRIPTOR_SIZE_BYTES;
    if (!memory_read(device, address, one, sizeof *one)) {
        device_break(device, "descriptor at %#llx: address refused", (unsigned long long)address);
        return false;
    }
    return true;
}

bool queue_walk(struct device *device, const struct queue *queue, uint16_t head,
                struct chain *chain)
{
    struct table table = {queue->descriptor_address, queue->size};
    struct descriptor one;
    uint32_t index = head;
    bool indirect = false;
    chain->head = head;
    chain->segment_count = chain->readable_count = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    for (;;) {
        if (!descriptor_read(device, &table, index, &one)) {
            return false;
        }
        if ((one.flags & DESCRIPTOR_INDIRECT) != 0) {
            if (!table_enter(device, &table, &one, indirect, queue->size)) {
                return false;
            }
            indirect = true;
            index = 0;
            continue;
        }
        if (chain->segment_count == queue->size) {
            device_break(device, "chain of more than %u descriptors", queue->size);
            return false;
        }
        if (!chain_add(device, chain, &one)) {
            return false;
        }
        if ((one.flags & DESCRIPTOR_NEXT) == 0) {
            return true;
        }
        index = one.next;
    }
}

bool queue_use(struct device *device, struct queue *queue, uint16_t head, uint32_t written_bytes)
{
    struct used_element element = {head, written_bytes};
    uint64_t entry = queue->used_next & (queue->size - 1);
    uint64_t address = queue->device_address + RING_ENTRIES_OFFSET + entry * USED_SIZE_BYTES;
    uint16_t index = (uint16_t)(queue->used_next + 1);
    if (!memory_write(device, address, &element, sizeof element) ||
        !memory_write(device, queue->device_address + RING_INDEX_OFFSET, &index, sizeof index)) {
        device_break(device, "used ring at %#llx: address refused",
                     (unsigned long long)queue->device_address);
        return false;
    }
    queue->used_next = index;
    return true;
}

bool queue_wants_interrupt(struct device *device, const struct queue *queue)
{
    uint16_t flags = 0;
    /* A ring that cannot be read any more has broken the device elsewhere: it is told. */
    bool read = memory_read(device, queue->driver_address, &flags, sizeof flags);
    return !read || (flags & AVAILABLE_NO_INTERRUPT) == 0;
}

int chain_visit(struct device *device, const struct chain *chain, bool writable, uint64_t offset,
                uint64_t size_bytes, chain_visitor *visitor, void *context)
{
    uint32_t first = writable ? chain->readable_count : 0;
    uint32_t end = writable ? chain->segment_count : chain->readable_count;
    for (uint32_t index = first; index < end && size_bytes != 0; index++) {
        struct segment range = chain->segments[index];
        if (offset >= range.size_bytes) {
            offset -= range.size_bytes;
            continue;
        }
        range.address += offset;
        range.size_bytes -= offset;
        range.size_bytes = range.size_bytes < size_bytes ? range.size_bytes : size_bytes;
        int result = range_visit(device, range, writable, visitor, context);
        if (result != 0) {
            return result;
        }
        size_bytes -= range.size_bytes;
        offset = 0;
    }
    return size_bytes == 0 ? 0 : CHAIN_REFUSED;
}

bool chain_read(struct device *device, const struct chain *chain, uint64_t offset, void *data,
                uint64_t size_bytes)
{
    struct copy copy = {.into = data};
    bool done = chain_visit(device, chain, false, offset, size_bytes, copy_out, &copy) == 0;
    atomic_thread_fence(memory_order_acquire);
    return done;
}

bool chain_write(struct device *device, const struct chain *chain, uint64_t offset,
                 const void *data, uint64_t size_bytes)
{
    struct copy copy = {.from = data};
    return chain_visit(device, chain, true, offset, size_bytes, copy_in, &copy) == 0;
}
