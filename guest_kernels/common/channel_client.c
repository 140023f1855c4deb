/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the checks of a channel's header, its features and the client's states.
 */
#include "channel_client.h"

#include "guid.h"
#include "shared_word.h"

enum channel_attachment channel_attach(struct channel_client *channel, volatile void *memory,
                                       uint64_t available_bytes, const struct guid *type,
                                       uint32_t version, uint64_t minimum_bytes)
{
    struct channel_header copy;

    shared_copy_in(&copy, memory, sizeof(copy));
    if (copy.signature != CHANNEL_SIGNATURE) {
        return CHANNEL_ATTACHMENT_no_channel;
    }
    if (!guid_equal(&copy.type, type)) {
        return CHANNEL_ATTACHMENT_other_type;
    }
    if (copy.version != version) {
        return CHANNEL_ATTACHMENT_other_version;
    }
    if (copy.size_bytes < minimum_bytes || copy.size_bytes > available_bytes) {
        return CHANNEL_ATTACHMENT_wrong_size;
    }
    channel->memory = memory;
    channel->size_bytes = copy.size_bytes;
    channel->queues_offset = copy.queues_offset;
    channel->zone = copy.zone;
    return CHANNEL_ATTACHMENT_done;
}

/* Returns 0 where the header of the queue cannot be, without wrapping. */
static int queue_offset(const struct channel_client *channel, uint32_t index, uint64_t *offset)
{
    if (channel->queues_offset < CHANNEL_HEADER_SIZE_BYTES ||
        channel->queues_offset > channel->size_bytes) {
        return 0;
    }
    *offset = channel->queues_offset + (uint64_t)index * QUEUE_HEADER_SIZE_BYTES;
    return 1;
}

int channel_producer(const struct channel_client *channel, uint32_t index,
                     struct signal_queue *queue)
{
    uint64_t offset;

    return queue_offset(channel, index, &offset) &&
           queue_attach_producer(queue, channel->memory, offset, channel->size_bytes);
}

int channel_consumer(const struct channel_client *channel, uint32_t index,
                     struct signal_queue *queue)
{
    uint64_t offset;

    return queue_offset(channel, index, &offset) &&
           queue_attach_consumer(queue, channel->memory, offset, channel->size_bytes);
}

/* Kernels of 32 bits have no locked instruction for all 64 bits; the rest stays as it is. */
static volatile uint32_t *features_low(const struct channel_client *channel)
{
    return (volatile uint32_t *)(volatile void *)&channel->memory->features;
}

uint32_t channel_features(const struct channel_client *channel)
{
    return shared_read_32(features_low(channel));
}

void channel_features_add(const struct channel_client *channel, uint32_t features)
{
    __atomic_fetch_or(features_low(channel), features, __ATOMIC_SEQ_CST);
}

void channel_features_remove(const struct channel_client *channel, uint32_t features)
{
    __atomic_fetch_and(features_low(channel), ~features, __ATOMIC_SEQ_CST);
}

static int transition_known(uint32_t from, uint32_t to)
{
#define CLIENT_TRANSITION(old, new)                                                                \
    if (from == CLIENT_STATE_##old && to == CLIENT_STATE_##new) {                                  \
        return 1;                                                                                  \
    }
#include "client_transitions.def"
#undef CLIENT_TRANSITION
    return 0;
}

/* The server may disable the client meanwhile: a state that has changed is not written over. */
static int state_replace(const struct channel_client *channel, uint32_t old, uint32_t state)
{
    return __atomic_compare_exchange_n(&channel->memory->client_state_system, &old, state, 0,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

int channel_state_change(const struct channel_client *channel, enum client_state state)
{
    uint32_t old = shared_read_32(&channel->memory->client_state_system);

    return transition_known(old, state) && state_replace(channel, old, state);
}

static uint32_t acquire(const struct channel_client *channel)
{
    uint32_t state = shared_read_32(&channel->memory->client_state_system);

    if (state == CLIENT_STATE_disabled) {
        return CLIENT_ERROR_disabled;
    }
    if (state == CLIENT_STATE_owned) {
        return 0;
    }
    if (shared_read_32(&channel->memory->client_state_boot) == CLIENT_STATE_disabled) {
        return transition_known(state, CLIENT_STATE_owned) &&
                       state_replace(channel, state, CLIENT_STATE_owned)
                   ? 0
                   : CLIENT_ERROR_not_attached;
    }
    if (state != CLIENT_STATE_attached || !state_replace(channel, state, CLIENT_STATE_busy)) {
        return CLIENT_ERROR_not_attached;
    }
    if (shared_read_32(&channel->memory->client_state_boot) == CLIENT_STATE_busy) {
        state_replace(channel, CLIENT_STATE_busy, CLIENT_STATE_attached);
        return CLIENT_ERROR_busy;
    }
    return 0;
}

uint32_t channel_acquire(const struct channel_client *channel)
{
    uint32_t error = acquire(channel);

    channel->memory->client_error_system = (uint8_t)error;
    return error;
}

void channel_release(const struct channel_client *channel)
{
    state_replace(channel, CLIENT_STATE_busy, CLIENT_STATE_attached);
}
