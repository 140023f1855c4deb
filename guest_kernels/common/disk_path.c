/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the checks of a server's channel and of its answers. A path that is broken stays so until
 * it is opened anew.
 */
#include "disk_path.h"

#include "bytes.h"
#include "guid.h"
#include "shared_word.h"

static enum disk_path_result path_break(struct disk_path *path)
{
    path->state = DISK_PATH_broken;
    return DISK_PATH_RESULT_broken;
}

enum disk_path_result disk_path_open(struct disk_path *path, volatile void *memory,
                                     uint64_t available_bytes, uint64_t request)
{
    struct disk_signal signal;
    enum channel_attachment attached;
    enum disk_path_result sent;

    memset(path, 0, sizeof(*path));
    if (available_bytes < IO_CHANNEL_SIZE_MINIMUM_BYTES) {
        return path_break(path);
    }
    attached = channel_attach(&path->channel, memory, available_bytes, &guid_disk,
                              CHANNEL_VERSION_DISK, IO_CHANNEL_SIZE_MINIMUM_BYTES);
    if (attached == CHANNEL_ATTACHMENT_no_channel || attached == CHANNEL_ATTACHMENT_other_type) {
        return DISK_PATH_RESULT_none;
    }
    if (attached != CHANNEL_ATTACHMENT_done || path->channel.size_bytes > UINT32_MAX ||
        !channel_producer(&path->channel, CHANNEL_QUEUE_TO_SERVER, &path->requests) ||
        !channel_consumer(&path->channel, CHANNEL_QUEUE_TO_CLIENT, &path->answers) ||
        path->requests.signal_size_bytes != IO_SIGNAL_SIZE_BYTES ||
        path->answers.signal_size_bytes != IO_SIGNAL_SIZE_BYTES) {
        return path_break(path);
    }
    payload_reset(&path->area, IO_PAYLOAD_OFFSET, path->channel.size_bytes);
    memset(&signal, 0, sizeof(signal));
    signal.request = request;
    signal.operation = DISK_OPERATION_describe;
    path->describe_request = request;
    path->state = DISK_PATH_asked;
    sent = disk_path_send(path, &signal);
    return sent == DISK_PATH_RESULT_none ? path_break(path) : sent;
}

void disk_path_close(struct disk_path *path)
{
    path->state = DISK_PATH_closed;
}

enum disk_path_result disk_path_send(struct disk_path *path, const struct disk_signal *signal)
{
    switch (queue_insert(&path->requests, signal)) {
    case QUEUE_INSERTION_notify:
        return DISK_PATH_RESULT_notify;
    case QUEUE_INSERTION_sent:
        return DISK_PATH_RESULT_done;
    case QUEUE_INSERTION_full:
        return DISK_PATH_RESULT_none;
    default:
        return path_break(path);
    }
}

/* Returns 0 for a disk that cannot be. */
static int description_keep(struct disk_path *path, const struct disk_signal *answer)
{
    uint32_t area_sectors = payload_size_bytes(&path->area) / SECTOR_SIZE_BYTES;

    if (answer->operation != DISK_OPERATION_describe || answer->status != DISK_STATUS_ok ||
        answer->capacity_sectors == 0 || answer->transfer_limit_sectors == 0) {
        return 0;
    }
    path->capacity_sectors = answer->capacity_sectors;
    path->transfer_limit_sectors = answer->transfer_limit_sectors < area_sectors
                                       ? answer->transfer_limit_sectors
                                       : area_sectors;
    path->flags = answer->flags & (DISK_FLAG_READ_ONLY | DISK_FLAG_DISCARD);
    path->state = DISK_PATH_open;
    return 1;
}

enum disk_path_result disk_path_take(struct disk_path *path, struct disk_signal *answer)
{
    enum queue_removal removed = queue_remove(&path->answers, answer);

    if (removed == QUEUE_REMOVAL_empty) {
        return DISK_PATH_RESULT_none;
    }
    if (removed == QUEUE_REMOVAL_broken || answer->status > DISK_STATUS_fenced ||
        (path->state == DISK_PATH_asked && answer->request == path->describe_request &&
         !description_keep(path, answer))) {
        return path_break(path);
    }
    return DISK_PATH_RESULT_done;
}

void disk_path_write(struct disk_path *path, uint32_t offset, const void *data, uint32_t size_bytes)
{
    shared_copy_out((volatile uint8_t *)path->channel.memory + offset, data, size_bytes);
}

void disk_path_read(const struct disk_path *path, uint32_t offset, void *data, uint32_t size_bytes)
{
    shared_copy_in(data, (volatile uint8_t *)path->channel.memory + offset, size_bytes);
}
