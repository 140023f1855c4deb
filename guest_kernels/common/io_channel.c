/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what channels to disks and to networks have in common: sizes, and which queue is whose.
 * Called by the ends of both; knows neither of them.
 */
#include "io_channel.h"

#include "channel_server.h"
#include "shared_word.h"

static int signals_are_right(const struct io_channel *channel)
{
    return channel->requests.signal_size_bytes == IO_SIGNAL_SIZE_BYTES &&
           channel->answers.signal_size_bytes == IO_SIGNAL_SIZE_BYTES;
}

/* The client can write what has just been made: it must not choose how long a signal is. */
static int queues_are_ours(const struct io_channel *channel)
{
    return signals_are_right(channel) && channel->requests.slot_count == IO_SLOT_COUNT &&
           channel->answers.slot_count == IO_SLOT_COUNT;
}

int io_channel_make(struct io_channel *channel, volatile void *memory, uint64_t size_bytes,
                    const struct guid *type, uint32_t version)
{
    struct channel_design design = {.type = *type,
                                    .version = version,
                                    .signal_size_bytes = IO_SIGNAL_SIZE_BYTES,
                                    .slot_count = IO_SLOT_COUNT,
                                    .size_bytes = size_bytes};

    if (size_bytes < IO_CHANNEL_SIZE_MINIMUM_BYTES || size_bytes > UINT32_MAX) {
        return 0;
    }
    /* A client that has not noticed yet must not make signals of an earlier life valid again. */
    for (uint32_t offset = 0; offset < IO_PAYLOAD_OFFSET; offset += IO_SIGNAL_SIZE_BYTES) {
        static const uint8_t zeros[IO_SIGNAL_SIZE_BYTES];

        shared_copy_out((volatile uint8_t *)memory + offset, zeros, sizeof(zeros));
    }
    return channel_build(memory, &design) &&
           channel_attach(&channel->end, memory, size_bytes, type, version, size_bytes) ==
               CHANNEL_ATTACHMENT_done &&
           channel_consumer(&channel->end, CHANNEL_QUEUE_TO_SERVER, &channel->requests) &&
           channel_producer(&channel->end, CHANNEL_QUEUE_TO_CLIENT, &channel->answers) &&
           queues_are_ours(channel);
}

enum io_attachment io_channel_attach(struct io_channel *channel, volatile void *memory,
                                     uint64_t available_bytes, const struct guid *type,
                                     uint32_t version)
{
    enum channel_attachment attached;

    if (available_bytes < IO_CHANNEL_SIZE_MINIMUM_BYTES) {
        return IO_ATTACHMENT_wrong;
    }
    attached = channel_attach(&channel->end, memory, available_bytes, type, version,
                              IO_CHANNEL_SIZE_MINIMUM_BYTES);
    if (attached == CHANNEL_ATTACHMENT_no_channel || attached == CHANNEL_ATTACHMENT_other_type) {
        return IO_ATTACHMENT_none;
    }
    return attached == CHANNEL_ATTACHMENT_done && channel->end.size_bytes <= UINT32_MAX &&
                   channel_producer(&channel->end, CHANNEL_QUEUE_TO_SERVER, &channel->requests) &&
                   channel_consumer(&channel->end, CHANNEL_QUEUE_TO_CLIENT, &channel->answers) &&
                   signals_are_right(channel)
               ? IO_ATTACHMENT_done
               : IO_ATTACHMENT_wrong;
}

void io_channel_write(const struct io_channel *channel, uint32_t offset, const void *data,
                      uint32_t size_bytes)
{
    shared_copy_out((volatile uint8_t *)channel->end.memory + offset, data, size_bytes);
}

void io_channel_read(const struct io_channel *channel, uint32_t offset, void *data,
                     uint32_t size_bytes)
{
    shared_copy_in(data, (volatile uint8_t *)channel->end.memory + offset, size_bytes);
}
