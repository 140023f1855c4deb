/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the checks of a server's answers. A path that is broken stays so until it is opened anew.
 */
#include "disk_path.h"

#include "bytes.h"
#include "guid.h"

static enum disk_path_result path_break(struct disk_path *path)
{
    path->state = DISK_PATH_broken;
    return DISK_PATH_RESULT_broken;
}

enum disk_path_result disk_path_open(struct disk_path *path, volatile void *memory,
                                     uint64_t available_bytes, uint64_t request)
{
    struct disk_signal signal;
    enum io_attachment attached;
    enum disk_path_result sent;

    memset(path, 0, sizeof(*path));
    attached = io_channel_attach(&path->channel, memory, available_bytes, &guid_disk,
                                 CHANNEL_VERSION_DISK);
    if (attached != IO_ATTACHMENT_done) {
        return attached == IO_ATTACHMENT_none ? DISK_PATH_RESULT_none : path_break(path);
    }
    payload_reset(&path->area, IO_PAYLOAD_OFFSET, path->channel.end.size_bytes);
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
    switch (queue_insert(&path->channel.requests, signal)) {
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
    enum queue_removal removed = queue_remove(&path->channel.answers, answer);

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
