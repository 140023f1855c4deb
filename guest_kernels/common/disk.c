/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the order of requests: which of them may be sent beside which, and what is sent again when
 * a path is lost. docs/io-channels.md says why that loses, repeats and reorders nothing.
 */
#include "disk.h"

#include "bytes.h"

/* Requests behind so many earlier ones wait, so that a look at the order is bounded. */
#define WINDOW (2 * DISK_DEPTH)

void disk_start(struct disk *disk, const struct disk_operations *operations, void *context)
{
    memset(disk, 0, sizeof(*disk));
    disk->operations = operations;
    disk->context = context;
    disk->operating = DISK_PATH_COUNT;
    for (uint32_t row = 0; row < DISK_DEPTH; row++) {
        disk->free_rows[disk->free_count++] = (uint8_t)row;
    }
}

static int request_has_payload(const struct disk_request *request)
{
    return request->operation == DISK_OPERATION_read || request->operation == DISK_OPERATION_write;
}

static uint32_t request_size_bytes(const struct disk_request *request)
{
    return request->sector_count * SECTOR_SIZE_BYTES;
}

/* A number holds its row, and a count that makes it the only one of its kind. */
static uint64_t number_give(struct disk *disk, uint32_t row)
{
    disk->number = (disk->number / DISK_DEPTH + 1) * DISK_DEPTH + row;
    return disk->number;
}

/* Takes back what was sent, if it was. */
static void request_unsend(struct disk *disk, struct disk_request *request)
{
    uint32_t row = (uint32_t)(request->number % DISK_DEPTH);

    if (request->number == 0) {
        return;
    }
    request->number = 0;
    disk->sent[row] = 0;
    disk->free_rows[disk->free_count++] = (uint8_t)row;
    if (request_has_payload(request)) {
        payload_return(&disk->path.area, request->payload_offset, request_size_bytes(request));
    }
}

static void request_end(struct disk *disk, struct disk_request *request, uint32_t status)
{
    request_unsend(disk, request);
    if (request->earlier != 0) {
        request->earlier->later = request->later;
    } else {
        disk->first = request->later;
    }
    if (request->later != 0) {
        request->later->earlier = request->earlier;
    } else {
        disk->last = request->earlier;
    }
    if (disk->unsent == request) {
        disk->unsent = request->later;
    }
    disk->ended_count++;
    request->status = status;
    if (request->ended != 0) {
        request->ended(request);
    }
}

/* The path is not touched again; what it had is to be sent anew. */
static void path_leave(struct disk *disk)
{
    for (struct disk_request *request = disk->first; request != 0; request = request->later) {
        disk->repeated_count += request->number != 0;
        request_unsend(disk, request);
    }
    disk->unsent = disk->first;
    disk_path_close(&disk->path);
    disk->operating = DISK_PATH_COUNT;
}

/* It does not do what it was to do: that is for others to know, who say which one operates next. */
static void path_lose(struct disk *disk)
{
    uint32_t path = disk->operating;

    path_leave(disk);
    disk->places[path].lost = 1;
    disk->lost_count++;
    if (disk->operations->lost != 0) {
        disk->operations->lost(disk->context, path);
    }
}

int disk_path_appeared(struct disk *disk, uint32_t path, volatile void *memory, uint64_t size_bytes)
{
    if (path >= DISK_PATH_COUNT) {
        return 0;
    }
    disk_path_vanished(disk, path);
    disk->places[path].memory = memory;
    disk->places[path].size_bytes = size_bytes;
    return 1;
}

void disk_path_operates(struct disk *disk, uint32_t path, int operating)
{
    if (path >= DISK_PATH_COUNT) {
        return;
    }
    if (!operating) {
        disk->places[path].lost = 0;
    }
    /* Said twice, it is nothing new: what was sent there is still under way there. */
    if (operating && (disk->operating == path || disk->places[path].lost)) {
        return;
    }
    if (disk->operating == path || (operating && disk->operating != DISK_PATH_COUNT)) {
        path_leave(disk);
    }
    if (operating && disk->places[path].memory != 0) {
        disk->operating = path;
    }
}

void disk_path_vanished(struct disk *disk, uint32_t path)
{
    disk_path_operates(disk, path, 0);
    if (path < DISK_PATH_COUNT) {
        disk->places[path].memory = 0;
    }
}

static void path_sent(struct disk *disk, enum disk_path_result result)
{
    if (result == DISK_PATH_RESULT_notify && disk->operations->notify != 0) {
        disk->operations->notify(disk->context, disk->operating);
    }
    if (result == DISK_PATH_RESULT_broken) {
        path_lose(disk);
    }
}

/* Each attempt looks at the channel anew: the server may not have made it yet. */
static void path_open(struct disk *disk)
{
    const struct disk_place *place = &disk->places[disk->operating];

    path_sent(disk,
              disk_path_open(&disk->path, place->memory, place->size_bytes, number_give(disk, 0)));
}

/* The first path says what the disk is; a later one that says less, or else, is another disk. */
static int disk_is_the_same(struct disk *disk)
{
    const struct disk_path *path = &disk->path;

    if (disk->capacity_sectors == 0) {
        disk->capacity_sectors = path->capacity_sectors;
        disk->transfer_limit_sectors = path->transfer_limit_sectors;
        disk->flags = path->flags;
    }
    return disk->capacity_sectors == path->capacity_sectors && disk->flags == path->flags &&
           disk->transfer_limit_sectors <= path->transfer_limit_sectors;
}

/* Returns 0 when the path was lost by it. */
static int answer_do(struct disk *disk, const struct disk_signal *answer)
{
    struct disk_request *request = disk->sent[answer->request % DISK_DEPTH];

    if (request == 0 || request->number != answer->request) {
        disk->stray_count++;
        return 1;
    }
    if (answer->operation != request->operation || answer->status == DISK_STATUS_fenced) {
        path_lose(disk);
        return 0;
    }
    if (request->operation == DISK_OPERATION_read && answer->status == DISK_STATUS_ok) {
        io_channel_read(&disk->path.channel, request->payload_offset, request->data,
                        request_size_bytes(request));
    }
    request_end(disk, request, answer->status);
    return 1;
}

static uint32_t answers_take(struct disk *disk)
{
    struct disk_signal answer;
    uint32_t taken = 0;

    /* What a request's end calls may say that another path operates: nothing is kept of it here. */
    while (taken < IO_SLOT_COUNT && disk->path.state >= DISK_PATH_asked) {
        enum disk_path_state state = disk->path.state;
        enum disk_path_result result = disk_path_take(&disk->path, &answer);

        if (result == DISK_PATH_RESULT_none) {
            break;
        }
        taken++;
        if (result == DISK_PATH_RESULT_broken) {
            path_lose(disk);
        } else if (state == DISK_PATH_asked && disk->path.state == DISK_PATH_open) {
            if (!disk_is_the_same(disk)) {
                path_lose(disk);
            }
        } else if (!answer_do(disk, &answer)) {
            break;
        }
    }
    return taken;
}

/* What makes a request wrong on this disk; DISK_STATUS_ok: nothing. */
static uint32_t request_check(const struct disk *disk, const struct disk_request *request)
{
    uint32_t operation = request->operation;

    if (operation <= DISK_OPERATION_describe || operation > DISK_OPERATION_write_zeroes ||
        (operation >= DISK_OPERATION_discard && (disk->flags & DISK_FLAG_DISCARD) == 0)) {
        return DISK_STATUS_unsupported;
    }
    if (operation == DISK_OPERATION_flush) {
        return DISK_STATUS_ok;
    }
    if (operation != DISK_OPERATION_read && (disk->flags & DISK_FLAG_READ_ONLY) != 0) {
        return DISK_STATUS_read_only;
    }
    if (request->sector_count == 0 || request->sector_count > disk->capacity_sectors ||
        request->sector > disk->capacity_sectors - request->sector_count ||
        (request_has_payload(request) && request->sector_count > disk->transfer_limit_sectors)) {
        return DISK_STATUS_invalid;
    }
    return DISK_STATUS_ok;
}

static int requests_conflict(const struct disk_request *one, const struct disk_request *other)
{
    if (one->operation == DISK_OPERATION_flush || other->operation == DISK_OPERATION_flush ||
        (one->operation == DISK_OPERATION_read && other->operation == DISK_OPERATION_read)) {
        return 0;
    }
    return one->sector < other->sector + other->sector_count &&
           other->sector < one->sector + one->sector_count;
}

static int request_must_wait(const struct disk *disk, const struct disk_request *request)
{
    for (const struct disk_request *one = disk->first; one != request; one = one->later) {
        if (requests_conflict(one, request)) {
            return 1;
        }
    }
    return 0;
}

/* Returns 0 when nothing can be sent now. */
static int request_send(struct disk *disk, struct disk_request *request)
{
    struct disk_signal signal;
    uint32_t row;

    if (disk->free_count == 0 || !queue_has_room(&disk->path.channel.requests)) {
        return 0;
    }
    request->payload_offset = 0;
    if (request_has_payload(request)) {
        request->payload_offset = payload_lend(&disk->path.area, request_size_bytes(request));
        if (request->payload_offset == 0) {
            return 0;
        }
    }
    if (request->operation == DISK_OPERATION_write) {
        io_channel_write(&disk->path.channel, request->payload_offset, request->data,
                         request_size_bytes(request));
    }
    row = disk->free_rows[--disk->free_count];
    disk->sent[row] = request;
    request->number = number_give(disk, row);
    memset(&signal, 0, sizeof(signal));
    signal.request = request->number;
    signal.operation = request->operation;
    signal.sector = request->sector;
    signal.sector_count = request->sector_count;
    signal.payload_offset = request->payload_offset;
    path_sent(disk, disk_path_send(&disk->path, &signal));
    return disk->path.state == DISK_PATH_open;
}

static uint32_t requests_send(struct disk *disk)
{
    struct disk_request *request = disk->unsent;
    uint32_t sent = 0;

    for (uint32_t seen = 0; seen < WINDOW && request != 0; seen++) {
        struct disk_request *later = request->later;
        uint32_t status = request_check(disk, request);

        if (disk->path.state != DISK_PATH_open) {
            break;
        }
        if (request->number == 0 && status != DISK_STATUS_ok) {
            request_end(disk, request, status);
            sent++;
        } else if (request->number == 0 && !request_must_wait(disk, request)) {
            if (!request_send(disk, request)) {
                break;
            }
            sent++;
        }
        request = later;
    }
    while (disk->unsent != 0 && disk->unsent->number != 0) {
        disk->unsent = disk->unsent->later;
    }
    return sent;
}

void disk_submit(struct disk *disk, struct disk_request *request)
{
    request->status = DISK_STATUS_pending;
    request->number = 0;
    request->later = 0;
    request->earlier = disk->last;
    if (disk->last != 0) {
        disk->last->later = request;
    } else {
        disk->first = request;
    }
    disk->last = request;
    if (disk->unsent == 0) {
        disk->unsent = request;
    }
}

uint32_t disk_poll(struct disk *disk)
{
    uint32_t done = 0;

    if (disk->operating != DISK_PATH_COUNT && disk->path.state == DISK_PATH_closed) {
        path_open(disk);
    }
    if (disk->operating != DISK_PATH_COUNT && disk->path.state != DISK_PATH_closed) {
        done += answers_take(disk);
    }
    return done + requests_send(disk);
}

static uint32_t piece_do(struct disk *disk, struct disk_request *request)
{
    disk_submit(disk, request);
    while (request->status == DISK_STATUS_pending) {
        if (disk_poll(disk) == 0 && request->status == DISK_STATUS_pending) {
            disk->operations->wait(disk->context);
        }
    }
    return request->status;
}

uint32_t disk_transfer(struct disk *disk, uint32_t operation, uint64_t sector,
                       uint32_t sector_count, void *data)
{
    struct disk_request request = {.operation = operation};
    uint32_t done = 0;
    uint32_t status = DISK_STATUS_ok;

    /* How long a piece may be, the first path says. */
    while (disk->capacity_sectors == 0) {
        if (disk_poll(disk) == 0) {
            disk->operations->wait(disk->context);
        }
    }
    do {
        uint32_t left = sector_count - done;

        request.sector = sector + done;
        request.data = (uint8_t *)data + (uintptr_t)done * SECTOR_SIZE_BYTES;
        request.sector_count = request_has_payload(&request) && left > disk->transfer_limit_sectors
                                   ? disk->transfer_limit_sectors
                                   : left;
        status = piece_do(disk, &request);
        done += request.sector_count;
    } while (status == DISK_STATUS_ok && done < sector_count);
    return status;
}
