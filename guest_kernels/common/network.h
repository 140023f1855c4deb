/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network card that is reached by two paths, of which one operates. A frame is handed to the
 * path that operates, or not at all: as on any Ethernet it may be lost, here when a path is left
 * with it, and is never sent twice. Frames that arrive keep their order as long as a path lives.
 * One user at a time.
 *
 * Which path operates, the user is told over its control channel (control.h: the device's state has
 * SEGMENT_STATE_operating) and says here: only others know that the old one sends no more.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include "network_path.h"

#define NETWORK_PATH_COUNT 2u
#define NETWORK_DEPTH 64u     /* frames and buffers that a path has at the same time, */
#define NETWORK_POST_DEPTH 32u /* of which so many are buffers to receive into, or half the area */

struct network_operations {
    /* The server at the end of this path may be waiting: send it the event. */
    void (*notify)(void *context, uint32_t path);
    /* A path that was to operate does not: tell the ultravisor. May be 0. */
    void (*lost)(void *context, uint32_t path);
    /* A frame has come; its bytes are the card's again afterwards. May send, may not poll. */
    void (*received)(void *context, const uint8_t *frame, uint32_t size_bytes);
    /*
     * Frames go a new way from here on, the first one too, or the link is up again: tell the
     * network who is here. May be 0; may send, may not poll.
     */
    void (*moved)(void *context);
};

struct network_place {
    volatile void *memory; /* 0: there is no channel */
    uint64_t size_bytes;
    uint8_t lost; /* until it is said not to operate */
};

struct network_request {
    uint64_t number; /* under which it was sent; 0: free */
    uint32_t operation; /* NETWORK_OPERATION_send or _post */
    uint32_t payload_offset;
};

struct network {
    const struct network_operations *operations;
    void *context;
    struct network_place places[NETWORK_PATH_COUNT];
    struct network_path path; /* of the channel that operates */
    uint32_t operating; /* its number; NETWORK_PATH_COUNT: none */
    uint32_t frame_limit_bytes; /* of a frame to send; 0: not known yet, nor the address */
    uint8_t address[NETWORK_ADDRESS_SIZE_BYTES];
    uint64_t number; /* the last that was given; none is given twice */
    uint32_t posted_count;
    uint32_t free_count;
    uint8_t free_rows[NETWORK_DEPTH];
    struct network_request requests[NETWORK_DEPTH];
    uint8_t frame[NETWORK_FRAME_LIMIT_BYTES]; /* the one that came last */
    uint64_t sent_count; /* frames: of them, */
    uint64_t passed_count; /* the device has sent so many, */
    uint64_t dropped_count; /* the server has dropped so many, */
    uint64_t left_count; /* so many were with a path that was left: nobody knows */
    uint64_t refused_count; /* frames that no path took, or that no frame can be */
    uint64_t received_count; /* frames */
    uint64_t moved_count;
    uint64_t lost_count; /* paths */
    uint64_t stray_count; /* answers to nothing */
};

void network_start(struct network *network, const struct network_operations *operations,
                   void *context);

/* There is a channel, which does not operate yet; 0 for a number that no path has. */
int network_path_appeared(struct network *network, uint32_t path, volatile void *memory,
                          uint64_t size_bytes);
/* It operates: of all others this is the end. Or it does so no longer. */
void network_path_operates(struct network *network, uint32_t path, int operating);
/* It is not touched any more. */
void network_path_vanished(struct network *network, uint32_t path);

/* Whether frames can go out: a path is open, and its link is up. */
int network_is_up(const struct network *network);

/* Copies a frame and sends it; 0: not sent, and it is not kept. */
int network_send(struct network *network, const void *frame, uint32_t size_bytes);

/* Takes answers and frames, and posts buffers: how much it did. To be called after each event. */
uint32_t network_poll(struct network *network);

#endif
