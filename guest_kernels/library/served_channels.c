/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel that a guest serves: what does not fit is not made, and what is made can be attached
 * to by a client, with a queue each way.
 */
#include "bytes.h"
#include "channel_client.h"
#include "channel_server.h"
#include "guid.h"
#include "memory.h"
#include "scenario.h"

#define SIZE_BYTES (4 * PAGE_SIZE_BYTES)
#define SIGNAL_SIZE_BYTES 64u
#define VERSION 3u

SCENARIO(4 * 1024 * 1024, "A channel that a guest makes has a queue to the server and one back.");

static const struct channel_design fitting = {
    .version = VERSION,
    .signal_size_bytes = SIGNAL_SIZE_BYTES,
    .slot_count = CHANNEL_SLOT_MINIMUM,
    .size_bytes = SIZE_BYTES,
};

static void refusals_expect(volatile void *memory)
{
    struct channel_design design = fitting;

    design.slot_count = CHANNEL_SLOT_MINIMUM - 1;
    EXPECT(!channel_build(memory, &design), "made with too few slots");
    design.slot_count = CHANNEL_SLOT_LIMIT + 1;
    EXPECT(!channel_build(memory, &design), "made with too many slots");
    design = fitting;
    design.signal_size_bytes = 0;
    EXPECT(!channel_build(memory, &design), "made with empty signals");
    design = fitting;
    design.size_bytes = CHANNEL_HEADER_SIZE_BYTES + 2 * QUEUE_HEADER_SIZE_BYTES +
                        2 * CHANNEL_SLOT_MINIMUM * SIGNAL_SIZE_BYTES - 1;
    EXPECT(!channel_build(memory, &design), "made one byte too small");
    EXPECT(*(volatile uint64_t *)memory == 0, "written to, and refused");
    design.size_bytes++;
    EXPECT(channel_build(memory, &design), "not made where it just fits");
}

static void direction_expect(const struct channel_client *channel, uint32_t index)
{
    struct signal_queue producer;
    struct signal_queue consumer;
    uint8_t sent[SIGNAL_SIZE_BYTES];
    uint8_t received[SIGNAL_SIZE_BYTES];

    memset(sent, (int)index + 1, sizeof(sent));
    EXPECT(channel_producer(channel, index, &producer) &&
               channel_consumer(channel, index, &consumer),
           "queue %u does not fit", (unsigned)index);
    EXPECT(queue_insert(&producer, sent) == QUEUE_INSERTION_notify, "nobody is woken");
    EXPECT(queue_remove(&consumer, received) == QUEUE_REMOVAL_signal, "the signal is lost");
    EXPECT(memcmp(sent, received, sizeof(sent)) == 0, "the signal is another");
}

void scenario_main(const struct start_page *start)
{
    void *memory = frame_pointer(frames_allocate(SIZE_BYTES / PAGE_SIZE_BYTES));
    struct channel_design design = fitting;
    struct channel_client channel;

    (void)start;
    refusals_expect(memory);
    design.type = guid_vnic;
    EXPECT(channel_build(memory, &design), "not made again");
    EXPECT(channel_attach(&channel, memory, SIZE_BYTES, &guid_vnic, VERSION, SIZE_BYTES) ==
               CHANNEL_ATTACHMENT_done,
           "not attached");
    EXPECT(channel_acquire(&channel) == 0, "the client cannot have it");
    direction_expect(&channel, CHANNEL_QUEUE_TO_SERVER);
    direction_expect(&channel, CHANNEL_QUEUE_TO_CLIENT);
}
