/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the checks of a server's answers. A path that is broken stays so until it is opened anew.
 */
#include "network_path.h"

#include "bytes.h"
#include "guid.h"

static enum network_path_result path_break(struct network_path *path)
{
    path->state = NETWORK_PATH_broken;
    return NETWORK_PATH_RESULT_broken;
}

enum network_path_result network_path_open(struct network_path *path, volatile void *memory,
                                           uint64_t available_bytes, uint64_t request)
{
    struct network_signal signal;
    enum io_attachment attached;
    enum network_path_result sent;

    memset(path, 0, sizeof(*path));
    attached = io_channel_attach(&path->channel, memory, available_bytes, &guid_network,
                                 CHANNEL_VERSION_NETWORK);
    if (attached != IO_ATTACHMENT_done) {
        return attached == IO_ATTACHMENT_none ? NETWORK_PATH_RESULT_none : path_break(path);
    }
    payload_reset(&path->area, IO_PAYLOAD_OFFSET, path->channel.end.size_bytes);
    memset(&signal, 0, sizeof(signal));
    signal.request = request;
    signal.operation = NETWORK_OPERATION_describe;
    path->describe_request = request;
    path->state = NETWORK_PATH_asked;
    sent = network_path_send(path, &signal);
    return sent == NETWORK_PATH_RESULT_none ? path_break(path) : sent;
}

void network_path_close(struct network_path *path)
{
    path->state = NETWORK_PATH_closed;
}

enum network_path_result network_path_send(struct network_path *path,
                                           const struct network_signal *signal)
{
    switch (queue_insert(&path->channel.requests, signal)) {
    case QUEUE_INSERTION_notify:
        return NETWORK_PATH_RESULT_notify;
    case QUEUE_INSERTION_sent:
        return NETWORK_PATH_RESULT_done;
    case QUEUE_INSERTION_full:
        return NETWORK_PATH_RESULT_none;
    default:
        return path_break(path);
    }
}

/* One's own address belongs to nobody else: it is no group's, and not all zeros. */
static int address_is_right(const uint8_t address[NETWORK_ADDRESS_SIZE_BYTES])
{
    static const uint8_t nobody[NETWORK_ADDRESS_SIZE_BYTES];

    return (address[0] & 1) == 0 && memcmp(address, nobody, sizeof(nobody)) != 0;
}

static void link_keep(struct network_path *path, const struct network_signal *answer)
{
    path->link_up = (answer->flags & NETWORK_FLAG_LINK_UP) != 0;
}

/* Returns 0 for a network that cannot be. */
static int description_keep(struct network_path *path, const struct network_signal *answer)
{
    if (answer->operation != NETWORK_OPERATION_describe || answer->status != NETWORK_STATUS_ok ||
        answer->size_bytes < NETWORK_FRAME_LIMIT_MINIMUM_BYTES ||
        !address_is_right(answer->address)) {
        return 0;
    }
    path->frame_limit_bytes = answer->size_bytes < NETWORK_FRAME_LIMIT_BYTES
                                  ? answer->size_bytes
                                  : NETWORK_FRAME_LIMIT_BYTES;
    memcpy(path->address, answer->address, sizeof(path->address));
    link_keep(path, answer);
    path->state = NETWORK_PATH_open;
    return 1;
}

enum network_path_result network_path_take(struct network_path *path, struct network_signal *answer)
{
    enum queue_removal removed = queue_remove(&path->channel.answers, answer);

    if (removed == QUEUE_REMOVAL_empty) {
        return NETWORK_PATH_RESULT_none;
    }
    if (removed == QUEUE_REMOVAL_broken || answer->status > NETWORK_STATUS_unsupported ||
        (path->state == NETWORK_PATH_asked && answer->request == path->describe_request &&
         !description_keep(path, answer))) {
        return path_break(path);
    }
    if (answer->operation == NETWORK_OPERATION_link) {
        link_keep(path, answer);
    }
    return NETWORK_PATH_RESULT_done;
}
