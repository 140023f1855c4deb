/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serving end of a channel to a network (io.h): takes frames to send and buffers to receive
 * into, hands to a back end those that are right, and answers. It keeps no frame: what finds no
 * way is dropped. It serves only while it operates; before and after, frames are answered as
 * dropped, and buffers, which stay the client's, as cancelled.
 */
#ifndef NETWORK_SERVER_H
#define NETWORK_SERVER_H

#include "io_channel.h"
#include "network_frame.h"

/* Buffers that a client has posted at the same time; a further one is answered as dropped. */
#define NETWORK_POST_LIMIT 64u

/* What a back end is asked to do, checked: the buffer lies where it may. */
struct network_transfer {
    uint32_t operation;      /* NETWORK_OPERATION_send or _post */
    uint32_t payload_offset; /* from the channel's beginning */
    uint32_t size_bytes;     /* send: of the frame; post: of the buffer, that holds any frame */
};

struct network_backend {
    /*
     * Begins a transfer; network_server_complete is to follow once, with the same tag, unless
     * `stop` comes first, and may be called at once. 0: there is no room now; asked again when one
     * has been completed. Sends are begun in the client's order, and posts in theirs.
     */
    int (*start)(void *context, uint32_t tag, const struct network_transfer *transfer);
    /*
     * Gives up every transfer that was begun: when it returns, the device reads and writes none of
     * their buffers any more. Called only when there are such; `start` may follow at once.
     */
    void (*stop)(void *context);
    /* The client may be waiting: send it the event. */
    void (*notify)(void *context);
    uint8_t address[NETWORK_ADDRESS_SIZE_BYTES]; /* the client's own */
    uint32_t frame_limit_bytes; /* of a frame to send; at most NETWORK_FRAME_LIMIT_BYTES */
};

struct network_server_request {
    uint32_t tag; /* not 0: the back end has it */
    struct network_signal signal;
};

/* Rows in the order of their coming, all around. */
struct network_server_line {
    uint32_t begin;
    uint32_t count;
    uint8_t rows[IO_SLOT_COUNT];
};

struct network_server {
    struct io_channel channel;
    const struct network_backend *backend;
    void *context;
    uint64_t channel_size_bytes;
    uint32_t turn; /* makes the tags of two uses of a row differ */
    uint8_t operating;
    uint8_t starting; /* the back end is being asked: what it completes meanwhile asks no more */
    uint8_t link_up;
    uint8_t link_untold;
    uint32_t free_count;
    uint32_t posted_count;
    uint8_t free_rows[IO_SLOT_COUNT];
    struct network_server_line sends; /* for which the back end had no room */
    struct network_server_line posts;
    struct network_server_line late; /* answers that found no room in the queue */
    struct network_server_request rows[IO_SLOT_COUNT];
    uint64_t stray_count; /* completions of nothing that is under way */
};

/*
 * Makes the channel, of which nothing remains, and does not operate yet; the link is down. 0 when
 * it is too small or the client meddles with it: then it is not served.
 */
int network_server_start(struct network_server *server, volatile void *memory, uint64_t size_bytes,
                         const struct network_backend *backend, void *context);

/*
 * The device's port is this partition's, or no longer. What was asked before, under way or not,
 * is given up: frames are answered as dropped, whether they went out or not, and buffers as
 * cancelled.
 */
void network_server_operate(struct network_server *server, int operating);

/* Whether the device's link is up: the client is told of a change, of the last one at least. */
void network_server_link(struct network_server *server, int up);

/* Takes what is asked, at most one queue of it: how much, or -1 when the client broke a queue. */
int32_t network_server_poll(struct network_server *server);

/*
 * A transfer has ended, with an enum network_status; a post that is ok, with a frame of so many
 * bytes in its buffer. A size that cannot be is answered as dropped.
 */
void network_server_complete(struct network_server *server, uint32_t tag, uint32_t status,
                             uint32_t size_bytes);

#endif
