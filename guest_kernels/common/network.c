/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what a path has of this card: frames that it is to send and buffers that it receives into.
 * A path that is left takes both with it; docs/io-channels.md says why that is enough.
 */
#include "network.h"

#include "bytes.h"

void network_start(struct network *network, const struct network_operations *operations,
                   void *context)
{
    memset(network, 0, sizeof(*network));
    network->operations = operations;
    network->context = context;
    network->operating = NETWORK_PATH_COUNT;
    for (uint32_t row = 0; row < NETWORK_DEPTH; row++) {
        network->free_rows[network->free_count++] = (uint8_t)row;
    }
}

/* A number holds its row, and a count that makes it the only one of its kind. */
static uint64_t number_give(struct network *network, uint32_t row)
{
    network->number = (network->number / NETWORK_DEPTH + 1) * NETWORK_DEPTH + row;
    return network->number;
}

/* Its number is known no more, and its buffer is free. */
static void request_end(struct network *network, struct network_request *request)
{
    network->posted_count -= request->operation == NETWORK_OPERATION_post;
    payload_return(&network->path.area, request->payload_offset, NETWORK_FRAME_LIMIT_BYTES);
    request->number = 0;
    network->free_rows[network->free_count++] = (uint8_t)(request - network->requests);
}

/* The path is not touched again; what it had is gone with it. */
static void path_leave(struct network *network)
{
    for (uint32_t row = 0; row < NETWORK_DEPTH; row++) {
        struct network_request *request = &network->requests[row];

        if (request->number != 0) {
            network->left_count += request->operation == NETWORK_OPERATION_send;
            request_end(network, request);
        }
    }
    network_path_close(&network->path);
    network->operating = NETWORK_PATH_COUNT;
}

/* It does not do what it was to do: that is for others to know, who say which one operates next. */
static void path_lose(struct network *network)
{
    uint32_t path = network->operating;

    path_leave(network);
    network->places[path].lost = 1;
    network->lost_count++;
    if (network->operations->lost != 0) {
        network->operations->lost(network->context, path);
    }
}

int network_path_appeared(struct network *network, uint32_t path, volatile void *memory,
                          uint64_t size_bytes)
{
    if (path >= NETWORK_PATH_COUNT) {
        return 0;
    }
    network_path_vanished(network, path);
    network->places[path].memory = memory;
    network->places[path].size_bytes = size_bytes;
    return 1;
}

void network_path_operates(struct network *network, uint32_t path, int operating)
{
    if (path >= NETWORK_PATH_COUNT) {
        return;
    }
    if (!operating) {
        network->places[path].lost = 0;
    }
    /* Said twice, it is nothing new: what was sent there is still under way there. */
    if (operating && (network->operating == path || network->places[path].lost)) {
        return;
    }
    if (network->operating == path || (operating && network->operating != NETWORK_PATH_COUNT)) {
        path_leave(network);
    }
    if (operating && network->places[path].memory != 0) {
        network->operating = path;
    }
}

void network_path_vanished(struct network *network, uint32_t path)
{
    network_path_operates(network, path, 0);
    if (path < NETWORK_PATH_COUNT) {
        network->places[path].memory = 0;
    }
}

int network_is_up(const struct network *network)
{
    return network->path.state == NETWORK_PATH_open && network->path.link_up;
}

static void path_sent(struct network *network, enum network_path_result result)
{
    if (result == NETWORK_PATH_RESULT_notify && network->operations->notify != 0) {
        network->operations->notify(network->context, network->operating);
    }
    if (result == NETWORK_PATH_RESULT_broken) {
        path_lose(network);
    }
}

/* Each attempt looks at the channel anew: the server may not have made it yet. */
static void path_open(struct network *network)
{
    const struct network_place *place = &network->places[network->operating];

    path_sent(network, network_path_open(&network->path, place->memory, place->size_bytes,
                                         number_give(network, 0)));
}

/* The first path says who this is; a later one that says less, or else, is another's. */
static int network_is_the_same(struct network *network)
{
    const struct network_path *path = &network->path;

    if (network->frame_limit_bytes == 0) {
        network->frame_limit_bytes = path->frame_limit_bytes;
        memcpy(network->address, path->address, sizeof(network->address));
    }
    return network->frame_limit_bytes <= path->frame_limit_bytes &&
           memcmp(network->address, path->address, sizeof(network->address)) == 0;
}

/* At most half of the area is to receive into: the rest is left to frames that go out. */
static uint32_t post_limit(const struct network *network)
{
    uint32_t half = network->path.area.block_count / 2;

    return half < NETWORK_POST_DEPTH ? half : NETWORK_POST_DEPTH;
}

/* Returns 0 when there is no room, or the path was lost by it. */
static int request_send(struct network *network, uint32_t operation, const void *frame,
                        uint32_t size_bytes)
{
    uint32_t payload_offset =
        network->free_count > 0 && queue_has_room(&network->path.channel.requests)
            ? payload_lend(&network->path.area, NETWORK_FRAME_LIMIT_BYTES)
            : 0;
    struct network_signal signal;
    uint32_t row;

    if (payload_offset == 0) {
        return 0;
    }
    if (operation == NETWORK_OPERATION_send) {
        io_channel_write(&network->path.channel, payload_offset, frame, size_bytes);
    }
    row = network->free_rows[--network->free_count];
    network->requests[row].number = number_give(network, row);
    network->requests[row].operation = operation;
    network->requests[row].payload_offset = payload_offset;
    network->posted_count += operation == NETWORK_OPERATION_post;
    memset(&signal, 0, sizeof(signal));
    signal.request = network->number;
    signal.operation = operation;
    signal.payload_offset = payload_offset;
    signal.size_bytes = size_bytes;
    network->sent_count += operation == NETWORK_OPERATION_send;
    path_sent(network, network_path_send(&network->path, &signal));
    return network->path.state == NETWORK_PATH_open;
}

int network_send(struct network *network, const void *frame, uint32_t size_bytes)
{
    uint32_t posts = post_limit(network);

    /* Of what posts need, frames take nothing. */
    if (network->path.state != NETWORK_PATH_open || size_bytes < NETWORK_FRAME_MINIMUM_BYTES ||
        size_bytes > network->frame_limit_bytes ||
        network->free_count <= posts - network->posted_count ||
        !request_send(network, NETWORK_OPERATION_send, frame, size_bytes)) {
        network->refused_count++;
        return 0;
    }
    return 1;
}

static uint32_t buffers_post(struct network *network)
{
    uint32_t posted = 0;

    while (network->path.state == NETWORK_PATH_open &&
           network->posted_count < post_limit(network) &&
           request_send(network, NETWORK_OPERATION_post, 0, NETWORK_FRAME_LIMIT_BYTES)) {
        posted++;
    }
    return posted;
}

static void frame_receive(struct network *network, const struct network_request *request,
                          uint32_t size_bytes)
{
    io_channel_read(&network->path.channel, request->payload_offset, network->frame, size_bytes);
    network->received_count++;
}

/*
 * What only a server says that does not operate, or lies: the statuses of a right request are ok
 * and dropped, and a frame that came fits its buffer.
 */
static int answer_is_wrong(const struct network_request *request,
                           const struct network_signal *answer)
{
    return answer->operation != request->operation || answer->status > NETWORK_STATUS_dropped ||
           (answer->operation == NETWORK_OPERATION_post && answer->status == NETWORK_STATUS_ok &&
            (answer->size_bytes < NETWORK_FRAME_MINIMUM_BYTES ||
             answer->size_bytes > NETWORK_FRAME_LIMIT_BYTES));
}

static void answer_do(struct network *network, const struct network_signal *answer)
{
    struct network_request *request = &network->requests[answer->request % NETWORK_DEPTH];

    if (request->number == 0 || request->number != answer->request) {
        network->stray_count++;
        return;
    }
    if (answer_is_wrong(request, answer)) {
        path_lose(network);
        return;
    }
    if (answer->operation == NETWORK_OPERATION_send) {
        network->passed_count += answer->status == NETWORK_STATUS_ok;
        network->dropped_count += answer->status != NETWORK_STATUS_ok;
    } else if (answer->status == NETWORK_STATUS_ok) {
        frame_receive(network, request, answer->size_bytes);
    }
    request_end(network, request);
    if (answer->operation == NETWORK_OPERATION_post && answer->status == NETWORK_STATUS_ok) {
        network->operations->received(network->context, network->frame, answer->size_bytes);
    }
}

static void path_moved(struct network *network)
{
    network->moved_count++;
    if (network->operations->moved != 0) {
        network->operations->moved(network->context);
    }
}

/* The path is open now, unless it leads elsewhere: buffers first, for what the announcement brings.
 */
static void path_opened(struct network *network)
{
    if (!network_is_the_same(network)) {
        path_lose(network);
        return;
    }
    (void)buffers_post(network);
    if (network_is_up(network)) {
        path_moved(network);
    }
}

static uint32_t answers_take(struct network *network)
{
    struct network_signal answer;
    uint32_t taken = 0;

    /* What callbacks do may be that another path operates: nothing is kept of it here. */
    while (taken < IO_SLOT_COUNT && (network->path.state == NETWORK_PATH_asked ||
                                     network->path.state == NETWORK_PATH_open)) {
        enum network_path_state state = network->path.state;
        int was_up = network_is_up(network);
        enum network_path_result result = network_path_take(&network->path, &answer);

        if (result == NETWORK_PATH_RESULT_none) {
            break;
        }
        taken++;
        if (result == NETWORK_PATH_RESULT_broken) {
            path_lose(network);
        } else if (state == NETWORK_PATH_asked && network->path.state == NETWORK_PATH_open) {
            path_opened(network);
        } else if (answer.operation != NETWORK_OPERATION_link) {
            answer_do(network, &answer);
        } else if (!was_up && network_is_up(network)) {
            path_moved(network);
        }
    }
    return taken;
}

uint32_t network_poll(struct network *network)
{
    uint32_t done = 0;

    if (network->operating != NETWORK_PATH_COUNT && network->path.state == NETWORK_PATH_closed) {
        path_open(network);
    }
    if (network->operating != NETWORK_PATH_COUNT) {
        done += answers_take(network);
    }
    return done + buffers_post(network);
}
