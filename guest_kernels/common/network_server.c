/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the rules of frames and buffers: which are right, which are under way, what is answered.
 * Knows neither devices nor events. The copy of a signal is all that is looked at.
 */
#include "network_server.h"

#include "bytes.h"
#include "guid.h"

#define ROW_MASK 0xffu

int network_server_start(struct network_server *server, volatile void *memory, uint64_t size_bytes,
                         const struct network_backend *backend, void *context)
{
    memset(server, 0, sizeof(*server));
    server->backend = backend;
    server->context = context;
    server->channel_size_bytes = size_bytes;
    for (uint32_t row = 0; row < IO_SLOT_COUNT; row++) {
        server->free_rows[server->free_count++] = (uint8_t)row;
    }
    return io_channel_make(&server->channel, memory, size_bytes, &guid_network,
                           CHANNEL_VERSION_NETWORK);
}

static void line_add(struct network_server_line *line, uint32_t row)
{
    line->rows[(line->begin + line->count) % IO_SLOT_COUNT] = (uint8_t)row;
    line->count++;
}

static uint32_t line_first(const struct network_server_line *line)
{
    return line->rows[line->begin];
}

static void line_drop_first(struct network_server_line *line)
{
    line->begin = (line->begin + 1) % IO_SLOT_COUNT;
    line->count--;
}

/* Returns 0 when there is no room, or no queue any more. */
static int signal_send(struct network_server *server, const struct network_signal *signal)
{
    enum queue_insertion inserted;

    if (!queue_has_room(&server->channel.answers)) {
        return 0;
    }
    inserted = queue_insert(&server->channel.answers, signal);
    if (inserted == QUEUE_INSERTION_notify) {
        server->backend->notify(server->context);
    }
    return inserted > QUEUE_INSERTION_full;
}

static int answer_send(struct network_server *server, uint32_t row)
{
    if (!signal_send(server, &server->rows[row].signal)) {
        return 0;
    }
    server->free_rows[server->free_count++] = (uint8_t)row;
    return 1;
}

static void link_tell(struct network_server *server)
{
    struct network_signal signal;

    memset(&signal, 0, sizeof(signal));
    signal.operation = NETWORK_OPERATION_link;
    signal.flags = server->link_up ? NETWORK_FLAG_LINK_UP : 0;
    server->link_untold = (uint8_t)!signal_send(server, &signal);
}

static void late_answers_send(struct network_server *server)
{
    while (server->late.count > 0 && answer_send(server, line_first(&server->late))) {
        line_drop_first(&server->late);
    }
    if (server->late.count == 0 && server->link_untold) {
        link_tell(server);
    }
}

static void request_answer(struct network_server *server, uint32_t row, uint32_t status)
{
    struct network_server_request *request = &server->rows[row];

    request->tag = 0;
    request->signal.status = status;
    if (server->late.count > 0 || !answer_send(server, row)) {
        line_add(&server->late, row);
    }
}

/* The buffer of a post is the client's again. */
static void post_answer(struct network_server *server, uint32_t row, uint32_t status,
                        uint32_t size_bytes)
{
    server->posted_count--;
    server->rows[row].signal.size_bytes = size_bytes;
    request_answer(server, row, status);
}

static void request_give_up(struct network_server *server, uint32_t row)
{
    if (server->rows[row].signal.operation == NETWORK_OPERATION_post) {
        post_answer(server, row, NETWORK_STATUS_cancelled, 0);
    } else {
        request_answer(server, row, NETWORK_STATUS_dropped);
    }
}

/* All that was taken and not answered: when this returns, the client's buffers are its own. */
static void requests_give_up(struct network_server *server)
{
    uint32_t under_way = 0;

    for (uint32_t row = 0; row < IO_SLOT_COUNT; row++) {
        under_way |= server->rows[row].tag;
    }
    if (under_way != 0) {
        server->backend->stop(server->context);
    }
    for (uint32_t row = 0; row < IO_SLOT_COUNT; row++) {
        if (server->rows[row].tag != 0) {
            request_give_up(server, row);
        }
    }
    for (; server->sends.count > 0; line_drop_first(&server->sends)) {
        request_give_up(server, line_first(&server->sends));
    }
    for (; server->posts.count > 0; line_drop_first(&server->posts)) {
        request_give_up(server, line_first(&server->posts));
    }
}

static int buffer_is_right(const struct network_server *server, const struct network_signal *signal,
                           uint64_t minimum_bytes, uint64_t limit_bytes)
{
    return signal->size_bytes >= minimum_bytes && signal->size_bytes <= limit_bytes &&
           signal->payload_offset >= IO_PAYLOAD_OFFSET &&
           signal->payload_offset <= server->channel_size_bytes - signal->size_bytes;
}

/* What is wrong with a request; NETWORK_STATUS_ok: nothing. */
static uint32_t request_check(const struct network_server *server,
                              const struct network_signal *signal)
{
    switch (signal->operation) {
    case NETWORK_OPERATION_describe:
    case NETWORK_OPERATION_reclaim:
        return NETWORK_STATUS_ok;
    case NETWORK_OPERATION_send:
        if (!buffer_is_right(server, signal, NETWORK_FRAME_MINIMUM_BYTES,
                             server->backend->frame_limit_bytes)) {
            return NETWORK_STATUS_invalid;
        }
        return server->operating ? NETWORK_STATUS_ok : NETWORK_STATUS_dropped;
    case NETWORK_OPERATION_post:
        if (!buffer_is_right(server, signal, NETWORK_FRAME_LIMIT_BYTES,
                             server->channel_size_bytes - IO_PAYLOAD_OFFSET)) {
            return NETWORK_STATUS_invalid;
        }
        if (!server->operating) {
            return NETWORK_STATUS_cancelled;
        }
        return server->posted_count < NETWORK_POST_LIMIT ? NETWORK_STATUS_ok
                                                         : NETWORK_STATUS_dropped;
    default:
        return NETWORK_STATUS_unsupported;
    }
}

/* As many of a line as the back end has room for; the first that it has none for stays first. */
static void line_start(struct network_server *server, struct network_server_line *line)
{
    while (line->count > 0) {
        uint32_t row = line_first(line);
        struct network_server_request *request = &server->rows[row];
        struct network_transfer transfer = {.operation = request->signal.operation,
                                            .payload_offset = request->signal.payload_offset,
                                            .size_bytes = request->signal.size_bytes};

        server->turn = (server->turn + ROW_MASK + 1) | (ROW_MASK + 1);
        request->tag = server->turn | row;
        if (!server->backend->start(server->context, request->tag, &transfer)) {
            request->tag = 0;
            return;
        }
        line_drop_first(line);
    }
}

static void requests_start(struct network_server *server)
{
    if (!server->starting) {
        server->starting = 1;
        line_start(server, &server->posts);
        line_start(server, &server->sends);
        server->starting = 0;
    }
}

static void description_write(const struct network_server *server, struct network_signal *signal)
{
    signal->size_bytes = server->backend->frame_limit_bytes;
    signal->flags = server->link_up ? NETWORK_FLAG_LINK_UP : 0;
    memcpy(signal->address, server->backend->address, sizeof(signal->address));
}

static void request_take(struct network_server *server, uint32_t row)
{
    struct network_signal *signal = &server->rows[row].signal;
    uint32_t status = request_check(server, signal);

    if (status == NETWORK_STATUS_ok && signal->operation == NETWORK_OPERATION_send) {
        line_add(&server->sends, row);
    } else if (status == NETWORK_STATUS_ok && signal->operation == NETWORK_OPERATION_post) {
        server->posted_count++;
        line_add(&server->posts, row);
    } else {
        if (signal->operation == NETWORK_OPERATION_describe) {
            description_write(server, signal);
        } else if (signal->operation == NETWORK_OPERATION_reclaim && server->posted_count > 0) {
            requests_give_up(server);
        }
        request_answer(server, row, status);
    }
}

int32_t network_server_poll(struct network_server *server)
{
    int32_t taken = 0;

    late_answers_send(server);
    while (taken < IO_SLOT_COUNT && server->free_count > 0) {
        uint32_t row = server->free_rows[server->free_count - 1];

        if (queue_remove(&server->channel.requests, &server->rows[row].signal) !=
            QUEUE_REMOVAL_signal) {
            break;
        }
        server->free_count--;
        request_take(server, row);
        taken++;
    }
    requests_start(server);
    return (server->channel.requests.broken | server->channel.answers.broken) != 0 ? -1 : taken;
}

void network_server_complete(struct network_server *server, uint32_t tag, uint32_t status,
                             uint32_t size_bytes)
{
    uint32_t row = tag & ROW_MASK;
    struct network_server_request *request = &server->rows[row % IO_SLOT_COUNT];

    if (tag == 0 || row >= IO_SLOT_COUNT || request->tag != tag) {
        server->stray_count++;
        return;
    }
    if (request->signal.operation == NETWORK_OPERATION_send) {
        request_answer(server, row, status);
    } else if (status == NETWORK_STATUS_ok && size_bytes >= NETWORK_FRAME_MINIMUM_BYTES &&
               size_bytes <= NETWORK_FRAME_LIMIT_BYTES) {
        post_answer(server, row, status, size_bytes);
    } else {
        post_answer(server, row, NETWORK_STATUS_dropped, 0);
    }
    requests_start(server);
}

void network_server_link(struct network_server *server, int up)
{
    if (server->link_up != (up != 0)) {
        server->link_up = up != 0;
        server->link_untold = 1;
        late_answers_send(server);
    }
}

/* Nothing that waits in the queue is of the life of the path that begins, or goes on. */
static void queue_give_up(struct network_server *server)
{
    struct network_signal unanswered;

    for (uint32_t taken = 0; taken < IO_SLOT_COUNT; taken++) {
        uint32_t row = server->free_count > 0 ? server->free_rows[server->free_count - 1] : 0;
        struct network_signal *signal =
            server->free_count > 0 ? &server->rows[row].signal : &unanswered;

        if (queue_remove(&server->channel.requests, signal) != QUEUE_REMOVAL_signal) {
            break;
        }
        if (signal != &unanswered) {
            server->free_count--;
            request_take(server, row);
        }
    }
}

void network_server_operate(struct network_server *server, int operating)
{
    server->operating = 0;
    requests_give_up(server);
    queue_give_up(server);
    server->operating = operating != 0;
}
