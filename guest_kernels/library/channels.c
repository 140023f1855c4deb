/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of a queue in one guest: what a guest's end sends, a guest's end receives.
 */
#include "bytes.h"
#include "channel_client.h"
#include "guid.h"
#include "memory.h"
#include "scenario.h"

#define SLOT_COUNT 64u
#define SIGNAL_SIZE_BYTES 40u
#define SIGNAL_COUNT 200u

SCENARIO(4 * 1024 * 1024, "Signals of a channel's queue arrive whole, in order, and in time.");

/* As a server does it: header, queue header, and the type last. */
static void channel_build(struct channel_header *header)
{
    struct signal_queue_header *queue = (struct signal_queue_header *)(void *)(header + 1);

    header->signature = CHANNEL_SIGNATURE;
    header->header_size_bytes = CHANNEL_HEADER_SIZE_BYTES;
    header->size_bytes = PAGE_SIZE_BYTES;
    header->queues_offset = CHANNEL_HEADER_SIZE_BYTES;
    header->version = CHANNEL_VERSION_COMMAND;
    queue->slots_offset = QUEUE_HEADER_SIZE_BYTES;
    queue->size_bytes = SLOT_COUNT * SIGNAL_SIZE_BYTES;
    queue->signal_size_bytes = SIGNAL_SIZE_BYTES;
    queue->slot_count = SLOT_COUNT;
    queue->signal_limit = SLOT_COUNT - 1;
    header->type = guid_command;
}

static void signals_exchange(struct signal_queue *producer, struct signal_queue *consumer)
{
    uint8_t sent[SIGNAL_SIZE_BYTES];
    uint8_t received[SIGNAL_SIZE_BYTES];

    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        memset(sent, (int)i, sizeof(sent));
        EXPECT(queue_insert(producer, sent) == QUEUE_INSERTION_notify, "signal %u woke nobody", i);
        EXPECT(queue_remove(consumer, received) == QUEUE_REMOVAL_signal, "signal %u is lost", i);
        EXPECT(memcmp(sent, received, sizeof(sent)) == 0, "signal %u is another", i);
    }
    EXPECT(queue_remove(consumer, received) == QUEUE_REMOVAL_empty, "there is one more");
}

static void queue_fill(struct signal_queue *producer)
{
    uint8_t signal[SIGNAL_SIZE_BYTES] = {0};

    for (unsigned i = 0; i < SLOT_COUNT - 1; i++) {
        EXPECT(queue_insert(producer, signal) > QUEUE_INSERTION_full, "full after %u", i);
    }
    EXPECT(queue_insert(producer, signal) == QUEUE_INSERTION_full, "no slot stays empty");
}

void scenario_main(const struct start_page *start)
{
    struct channel_header *memory = frame_pointer(frame_allocate());
    struct channel_client channel;
    struct signal_queue producer;
    struct signal_queue consumer;

    (void)start;
    EXPECT(channel_attach(&channel, memory, PAGE_SIZE_BYTES, &guid_command, CHANNEL_VERSION_COMMAND,
                          CHANNEL_HEADER_SIZE_BYTES) == CHANNEL_ATTACHMENT_no_channel,
           "attached to an empty frame");
    channel_build(memory);
    EXPECT(channel_attach(&channel, memory, PAGE_SIZE_BYTES, &guid_command, CHANNEL_VERSION_COMMAND,
                          CHANNEL_HEADER_SIZE_BYTES) == CHANNEL_ATTACHMENT_done,
           "not attached");
    channel_features_add(&channel, CHANNEL_FEATURE_polling);
    EXPECT(memory->features == CHANNEL_FEATURE_polling, "features %llx",
           (unsigned long long)memory->features);
    EXPECT(channel_producer(&channel, 0, &producer) && channel_consumer(&channel, 0, &consumer),
           "the queue does not fit");
    EXPECT(!channel_producer(&channel, 1, &producer), "there is a second queue");
    signals_exchange(&producer, &consumer);
    queue_fill(&producer);
}
