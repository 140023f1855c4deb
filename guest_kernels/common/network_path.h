/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way of a client to its network: a channel to an I/O partition, with the area of payload that
 * is lent to frames and buffers. Checks what the server says of itself and in its answers; what is
 * under way and what becomes of it, network.h knows.
 */
#ifndef NETWORK_PATH_H
#define NETWORK_PATH_H

#include "io_channel.h"
#include "network_frame.h"
#include "payload_area.h"

enum network_path_state {
    NETWORK_PATH_closed = 0,
    NETWORK_PATH_asked = 1, /* attached; what the network is, has been asked */
    NETWORK_PATH_open = 2,
    NETWORK_PATH_broken = 3 /* the server does not keep the rules: not touched again */
};

struct network_path {
    struct io_channel channel;
    struct payload_area area;
    enum network_path_state state;
    uint64_t describe_request;
    uint32_t frame_limit_bytes; /* of a frame to send */
    uint8_t link_up;
    uint8_t address[NETWORK_ADDRESS_SIZE_BYTES];
};

enum network_path_result {
    NETWORK_PATH_RESULT_broken = -1,
    NETWORK_PATH_RESULT_none = 0, /* no room, no answer, no channel yet */
    NETWORK_PATH_RESULT_done = 1,
    NETWORK_PATH_RESULT_notify = 2 /* done, and the server may be waiting for an event */
};

/* Asks what the network is, under this number. Whatever was there before is forgotten. */
enum network_path_result network_path_open(struct network_path *path, volatile void *memory,
                                           uint64_t available_bytes, uint64_t request);
void network_path_close(struct network_path *path);

enum network_path_result network_path_send(struct network_path *path,
                                           const struct network_signal *signal);

/*
 * The next answer; the one that says what the network is, opens the path and is kept, and so is
 * what a signal says of the link.
 */
enum network_path_result network_path_take(struct network_path *path,
                                           struct network_signal *answer);

#endif
