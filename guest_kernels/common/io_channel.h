/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel to a medium, from either end: its making by the server, a client's attaching to it,
 * its two queues of signals, and the payload. What is in a signal, the ends of disks and of
 * networks know (disk_path.h, disk_server.h and so on).
 */
#ifndef IO_CHANNEL_H
#define IO_CHANNEL_H

#include "channel_client.h"
#include "io.h"

struct io_channel {
    struct channel_client end;
    struct signal_queue requests;
    struct signal_queue answers;
};

enum io_attachment {
    IO_ATTACHMENT_wrong = -1, /* its server does not keep the rules */
    IO_ATTACHMENT_none = 0,   /* no channel yet, or one of another type */
    IO_ATTACHMENT_done = 1
};

/*
 * The server's: makes the channel, of which nothing remains. 0: it is too small, or the client
 * meddles with it.
 */
int io_channel_make(struct io_channel *channel, volatile void *memory, uint64_t size_bytes,
                    const struct guid *type, uint32_t version);

/* The client's, of which so many bytes can be reached. */
enum io_attachment io_channel_attach(struct io_channel *channel, volatile void *memory,
                                     uint64_t available_bytes, const struct guid *type,
                                     uint32_t version);

/* A buffer in the area of payload, from and to memory of one's own. */
void io_channel_write(const struct io_channel *channel, uint32_t offset, const void *data,
                      uint32_t size_bytes);
void io_channel_read(const struct io_channel *channel, uint32_t offset, void *data,
                     uint32_t size_bytes);

#endif
