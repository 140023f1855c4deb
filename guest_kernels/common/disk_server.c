/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the rules of requests: which are right, which are under way, what is answered. Knows
 * neither devices nor events. The copy of a signal is all that is looked at.
 */
#include "disk_server.h"

#include "bytes.h"
#include "guid.h"

#define ROW_MASK 0xffu

int disk_server_start(struct disk_server *server, volatile void *memory, uint64_t size_bytes,
                      const struct disk_backend *backend, void *context)
{
    memset(server, 0, sizeof(*server));
    server->backend = backend;
    server->context = context;
    server->channel_size_bytes = size_bytes;
    for (uint32_t row = 0; row < IO_SLOT_COUNT; row++) {
        server->free_rows[server->free_count++] = (uint8_t)row;
    }
    return io_channel_make(&server->channel, memory, size_bytes, &guid_disk, CHANNEL_VERSION_DISK);
}

/* Returns 0 when there is no room, or no queue any more. */
static int answer_send(struct disk_server *server, uint32_t row)
{
    enum queue_insertion inserted =
        queue_insert(&server->channel.answers, &server->rows[row].signal);

    if (inserted <= QUEUE_INSERTION_full) {
        return 0;
    }
    server->free_rows[server->free_count++] = (uint8_t)row;
    if (inserted == QUEUE_INSERTION_notify) {
        server->backend->notify(server->context);
    }
    return 1;
}

static void late_answers_send(struct disk_server *server)
{
    while (server->late_count > 0 && queue_has_room(&server->channel.answers) &&
           answer_send(server, server->late_rows[server->late_begin])) {
        server->late_begin = (server->late_begin + 1) % IO_SLOT_COUNT;
        server->late_count--;
    }
}

static void request_answer(struct disk_server *server, uint32_t row, uint32_t status)
{
    struct disk_server_request *request = &server->rows[row];

    request->tag = 0;
    request->signal.status = status;
    if (server->late_count == 0 && queue_has_room(&server->channel.answers) &&
        answer_send(server, row)) {
        return;
    }
    server->late_rows[(server->late_begin + server->late_count) % IO_SLOT_COUNT] = (uint8_t)row;
    server->late_count++;
}

static int range_is_right(const struct disk_server *server, const struct disk_signal *signal)
{
    return signal->sector_count > 0 && signal->sector_count <= server->backend->capacity_sectors &&
           signal->sector <= server->backend->capacity_sectors - signal->sector_count;
}

static int buffer_is_right(const struct disk_server *server, const struct disk_signal *signal)
{
    uint64_t size_bytes = (uint64_t)signal->sector_count * SECTOR_SIZE_BYTES;

    return signal->sector_count <= server->backend->transfer_limit_sectors &&
           size_bytes <= server->channel_size_bytes - IO_PAYLOAD_OFFSET &&
           signal->payload_offset >= IO_PAYLOAD_OFFSET &&
           signal->payload_offset <= server->channel_size_bytes - size_bytes;
}

/* What is wrong with a request; DISK_STATUS_ok: nothing. */
static uint32_t request_check(const struct disk_server *server, const struct disk_signal *signal)
{
    uint32_t operation = signal->operation;
    uint32_t flags = server->backend->flags;

    if (operation < DISK_OPERATION_describe || operation > DISK_OPERATION_write_zeroes) {
        return DISK_STATUS_unsupported;
    }
    if (operation == DISK_OPERATION_describe) {
        return DISK_STATUS_ok;
    }
    if (!server->operating) {
        return DISK_STATUS_fenced;
    }
    if (operation == DISK_OPERATION_flush) {
        return DISK_STATUS_ok;
    }
    if (operation >= DISK_OPERATION_discard && (flags & DISK_FLAG_DISCARD) == 0) {
        return DISK_STATUS_unsupported;
    }
    if (operation != DISK_OPERATION_read && (flags & DISK_FLAG_READ_ONLY) != 0) {
        return DISK_STATUS_read_only;
    }
    if (!range_is_right(server, signal) ||
        (operation < DISK_OPERATION_flush && !buffer_is_right(server, signal))) {
        return DISK_STATUS_invalid;
    }
    return DISK_STATUS_ok;
}

/* Or holds it back, when the back end has no room: then nothing is taken until it has. */
static void request_start(struct disk_server *server, uint32_t row)
{
    struct disk_server_request *request = &server->rows[row];
    struct disk_transfer transfer = {.sector = request->signal.sector,
                                     .sector_count = request->signal.sector_count,
                                     .operation = request->signal.operation,
                                     .payload_offset = request->signal.payload_offset};

    server->held = 0;
    server->turn = (server->turn + ROW_MASK + 1) | (ROW_MASK + 1);
    request->tag = server->turn | row;
    if (!server->backend->start(server->context, request->tag, &transfer)) {
        request->tag = 0;
        server->held = 1;
        server->held_row = row;
    }
}

static void request_take(struct disk_server *server, uint32_t row)
{
    struct disk_signal *signal = &server->rows[row].signal;
    uint32_t status = request_check(server, signal);

    if (status == DISK_STATUS_ok && signal->operation != DISK_OPERATION_describe) {
        request_start(server, row);
        return;
    }
    if (status == DISK_STATUS_ok) {
        signal->capacity_sectors = server->backend->capacity_sectors;
        signal->transfer_limit_sectors = server->backend->transfer_limit_sectors;
        signal->flags = server->backend->flags;
    }
    request_answer(server, row, status);
}

int32_t disk_server_poll(struct disk_server *server)
{
    int32_t taken = 0;

    late_answers_send(server);
    if (server->held) {
        request_start(server, server->held_row);
    }
    while (taken < IO_SLOT_COUNT && !server->held && server->free_count > 0) {
        uint32_t row = server->free_rows[server->free_count - 1];

        if (queue_remove(&server->channel.requests, &server->rows[row].signal) !=
            QUEUE_REMOVAL_signal) {
            break;
        }
        server->free_count--;
        request_take(server, row);
        taken++;
    }
    return (server->channel.requests.broken | server->channel.answers.broken) != 0 ? -1 : taken;
}

void disk_server_complete(struct disk_server *server, uint32_t tag, uint32_t status)
{
    uint32_t row = tag & ROW_MASK;

    if (tag == 0 || row >= IO_SLOT_COUNT || server->rows[row].tag != tag) {
        server->stray_count++;
        return;
    }
    request_answer(server, row, status);
    if (server->held) {
        request_start(server, server->held_row);
    }
}

/* Nothing that waits in the queue is of the life of the path that begins, or goes on. */
static void requests_fence(struct disk_server *server)
{
    struct disk_signal unanswered;

    for (uint32_t taken = 0; taken < IO_SLOT_COUNT; taken++) {
        uint32_t row = server->free_count > 0 ? server->free_rows[server->free_count - 1] : 0;
        struct disk_signal *signal =
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

void disk_server_operate(struct disk_server *server, int operating)
{
    server->operating = 0;
    if (server->held) {
        server->held = 0;
        request_answer(server, server->held_row, DISK_STATUS_fenced);
    }
    for (uint32_t row = 0; row < IO_SLOT_COUNT; row++) {
        if (server->rows[row].tag != 0) {
            request_answer(server, row, DISK_STATUS_fenced);
        }
    }
    requests_fence(server);
    server->operating = operating != 0;
}
