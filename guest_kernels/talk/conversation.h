/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a conversation over a channel of data: a client says numbered messages, a server
 * answers each. What the other end writes is checked and never believed: an end that finds
 * something wrong says so, and uses this channel no more.
 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "channel_client.h"
#include "channel_map.h"

enum conversation_state {
    CONVERSATION_none = 0,    /* no channel */
    CONVERSATION_away = 1, /* there is one, but it is not to be touched: its other end is away */
    CONVERSATION_waiting = 2, /* the client waits for the server to make the channel */
    CONVERSATION_open = 3,
    CONVERSATION_ended = 4,
    CONVERSATION_broken = 5
};

struct conversation {
    enum conversation_state state;
    int server;
    int polls;
    uint32_t device; /* its number */
    struct guid type;
    struct channel_place place;
    struct channel_client channel;
    struct signal_queue out;
    struct signal_queue in;
    const char *reason; /* why it is broken */
    uint64_t message_count; /* the client's, of all lives of its server together */
    uint64_t said; /* the number of the last message that was said, or heard */
    uint64_t answered; /* the number of the last message that was answered */
    uint64_t heard_count; /* by a server, of all its clients together */
    uint64_t ended_count;
    uint64_t broken_count;
    uint64_t lost_count; /* channels that went in the middle */
};

/* An end of a channel that is mapped. */
void conversation_begin(struct conversation *talk);
/* The other end has gone away, or has come back. */
void conversation_pause(struct conversation *talk, int away);
/* The channel is about to go. */
void conversation_lose(struct conversation *talk);

/* Does what can be done now; 0: nothing, until the other end does something. */
int conversation_step(struct conversation *talk);

#endif
