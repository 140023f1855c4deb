/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's end of a memory channel: attaching to one that the ultravisor has set up, its
 * features, and the states of the client. What the header says is copied once and checked.
 */
#ifndef CHANNEL_CLIENT_H
#define CHANNEL_CLIENT_H

#include "signal_queue.h"

struct channel_client {
    volatile struct channel_header *memory;
    uint64_t size_bytes;
    uint64_t queues_offset;
    struct guid zone;
};

enum channel_attachment {
    CHANNEL_ATTACHMENT_done = 0,
    CHANNEL_ATTACHMENT_no_channel = 1,    /* no signature */
    CHANNEL_ATTACHMENT_other_type = 2,
    CHANNEL_ATTACHMENT_other_version = 3,
    CHANNEL_ATTACHMENT_wrong_size = 4     /* less than the type needs, or more than is there */
};

/* `available_bytes` can be reached at `memory`; at least a header can. */
enum channel_attachment channel_attach(struct channel_client *channel, volatile void *memory,
                                       uint64_t available_bytes, const struct guid *type,
                                       uint32_t version, uint64_t minimum_bytes);

/* Queue `index` of the channel; 0 when it has none, or one that does not fit. */
int channel_producer(const struct channel_client *channel, uint32_t index,
                     struct signal_queue *queue);
int channel_consumer(const struct channel_client *channel, uint32_t index,
                     struct signal_queue *queue);

/* enum channel_feature; those of the contract lie in the lower half. Changes are interlocked. */
uint32_t channel_features(const struct channel_client *channel);
void channel_features_add(const struct channel_client *channel, uint32_t features);
void channel_features_remove(const struct channel_client *channel, uint32_t features);

/* Changes the state of the client's system; 0 for a change that the contract does not know. */
int channel_state_change(const struct channel_client *channel, enum client_state state);

/* Takes the channel for use: 0, or the enum client_error that is left in the header, too. */
uint32_t channel_acquire(const struct channel_client *channel);
/* Gives it back; what the system owns, it keeps. */
void channel_release(const struct channel_client *channel);

#endif
