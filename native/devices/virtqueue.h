/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Split virtqueues as a device sees them: what the driver made available is taken, a chain of
 * descriptors is walked, and given back as used. Everything in guest memory is the driver's word:
 * read once, checked, and refused by breaking the device (device_break).
 */
#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_SIZE_MAXIMUM 128

#define DESCRIPTOR_SIZE_BYTES 16
#define DESCRIPTOR_NEXT 0x1
#define DESCRIPTOR_WRITE 0x2
#define DESCRIPTOR_INDIRECT 0x4
#define AVAILABLE_NO_INTERRUPT 0x1

struct device;

/* A request that the device has taken: nothing of it but its head has been looked at. */
struct queue_request {
    uint64_t due_cycles;
    uint64_t head;
};

struct queue {
    uint64_t descriptor_address;
    uint64_t driver_address; /* of the available ring */
    uint64_t device_address; /* of the used ring */
    uint32_t size;
    uint32_t ready;
    uint16_t available_next; /* modulo 65536, as the rings count */
    uint16_t used_next;
    uint32_t request_count;
    struct queue_request requests[QUEUE_SIZE_MAXIMUM]; /* oldest first; zero behind them */
};

struct segment {
    uint64_t address;
    uint64_t size_bytes;
};

/* What a head leads to: first what the device reads, then what it writes. */
struct chain {
    uint16_t head;
    uint32_t segment_count;
    uint32_t readable_count;
    uint64_t readable_bytes;
    uint64_t writable_bytes;
    struct segment segments[QUEUE_SIZE_MAXIMUM];
};

/* Whether size and addresses are as virtio demands of a queue that becomes ready. */
bool queue_valid(const struct queue *queue);
/* Takes all that is available, to be completed at a time. False: broken. */
bool queue_take(struct device *device, struct queue *queue, uint64_t due_cycles);
/* Takes one head that is available. False: none is, or broken. */
bool queue_take_one(struct device *device, struct queue *queue, uint16_t *head);
/* Forgets the oldest requests: they are completed. */
void queue_forget(struct queue *queue, uint32_t count);
bool queue_walk(struct device *device, const struct queue *queue, uint16_t head,
                struct chain *chain);
/* Gives a chain back. */
bool queue_use(struct device *device, struct queue *queue, uint16_t head, uint32_t written_bytes);
/* Whether the driver wants to be interrupted for what was used. */
bool queue_wants_interrupt(struct device *device, const struct queue *queue);

/* A visitor gets each piece of host memory in turn; anything but 0 ends the visit. */
typedef int chain_visitor(void *context, uint8_t *data, uint64_t size_bytes);
#define CHAIN_REFUSED (-1)

/*
 * Visits bytes of the readable or the writable part, which has so many. Returns 0, what the
 * visitor said, or CHAIN_REFUSED for an address that the device may not reach. Without a visitor
 * it only asks.
 */
int chain_visit(struct device *device, const struct chain *chain, bool writable, uint64_t offset,
                uint64_t size_bytes, chain_visitor *visitor, void *context);
/* Copies; false: an address is refused. */
bool chain_read(struct device *device, const struct chain *chain, uint64_t offset, void *data,
                uint64_t size_bytes);
bool chain_write(struct device *device, const struct chain *chain, uint64_t offset,
                 const void *data, uint64_t size_bytes);

#endif
