/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the making of a channel of two queues. Whatever lay there before is no channel until the
 * type is written.
 */
#include "channel_server.h"

#include "bytes.h"
#include "guid.h"
#include "shared_word.h"

#define QUEUE_COUNT 2u

static uint64_t queue_slots_size_bytes(const struct channel_design *design)
{
    return (uint64_t)design->slot_count * design->signal_size_bytes;
}

static uint64_t queue_offset(uint32_t index)
{
    return CHANNEL_HEADER_SIZE_BYTES + (uint64_t)index * QUEUE_HEADER_SIZE_BYTES;
}

/* Counted from the header of the queue, as published. */
static uint64_t queue_slots_offset(const struct channel_design *design, uint32_t index)
{
    return queue_offset(QUEUE_COUNT) + index * queue_slots_size_bytes(design) - queue_offset(index);
}

static void queue_build(volatile uint8_t *memory, const struct channel_design *design,
                        uint32_t index)
{
    struct signal_queue_header queue;

    memset(&queue, 0, sizeof(queue));
    queue.slots_offset = queue_slots_offset(design, index);
    queue.size_bytes = queue_slots_size_bytes(design);
    queue.signal_size_bytes = design->signal_size_bytes;
    queue.slot_count = design->slot_count;
    queue.signal_limit = design->slot_count - 1;
    shared_copy_out(memory + (uintptr_t)queue_offset(index), &queue, sizeof(queue));
}

int channel_build(volatile void *memory, const struct channel_design *design)
{
    volatile struct channel_header *target = memory;
    struct channel_header header;

    if (design->slot_count < CHANNEL_SLOT_MINIMUM || design->slot_count > CHANNEL_SLOT_LIMIT ||
        design->signal_size_bytes == 0 || design->signal_size_bytes > CHANNEL_SIGNAL_LIMIT ||
        queue_offset(QUEUE_COUNT) + QUEUE_COUNT * queue_slots_size_bytes(design) >
            design->size_bytes) {
        return 0;
    }
    memset(&header, 0, sizeof(header));
    header.signature = CHANNEL_SIGNATURE;
    header.header_size_bytes = CHANNEL_HEADER_SIZE_BYTES;
    header.size_bytes = design->size_bytes;
    header.queues_offset = CHANNEL_HEADER_SIZE_BYTES;
    header.version = design->version;
    header.client_state_boot = CLIENT_STATE_disabled;
    header.client_state_system = CLIENT_STATE_detached;
    header.type = guid_none;
    shared_copy_out(target, &header, sizeof(header));
    for (uint32_t index = 0; index < QUEUE_COUNT; index++) {
        queue_build(memory, design, index);
    }
    shared_fence();
    shared_copy_out(&target->type, &design->type, sizeof(design->type));
    return 1;
}
