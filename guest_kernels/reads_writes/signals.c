/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns questions to the server, past the disk: nothing else is under way meanwhile.
 */
#include "signals.h"

#include "check.h"
#include "event.h"

static uint32_t questions_send(struct disk *disk, uint32_t first, uint32_t most)
{
    uint32_t sent = 0;
    uint8_t notify = 0;

    while (sent < most) {
        const struct disk_signal question = {
            .request = first + sent,
            .operation = DISK_OPERATION_describe,
        };
        enum disk_path_result result = disk_path_send(&disk->path, &question);

        CHECK(result != DISK_PATH_RESULT_broken);
        if (result == DISK_PATH_RESULT_none) {
            break;
        }
        notify |= result == DISK_PATH_RESULT_notify;
        sent++;
    }
    if (notify) {
        disk->operations->notify(disk->context, disk->operating);
    }
    return sent;
}

static uint32_t answers_take(struct disk *disk, uint32_t *bad)
{
    struct disk_signal answer;
    enum disk_path_result result;
    uint32_t taken = 0;

    while ((result = disk_path_take(&disk->path, &answer)) == DISK_PATH_RESULT_done) {
        *bad +=
            answer.status != DISK_STATUS_ok || answer.capacity_sectors != disk->capacity_sectors;
        taken++;
    }
    CHECK(result == DISK_PATH_RESULT_none);
    return taken;
}

uint32_t signals_do(struct disk *disk, uint32_t count, uint32_t depth)
{
    uint32_t bad = 0;
    uint32_t sent = 0;

    for (uint32_t answered = 0; answered < count;) {
        uint32_t room = depth - (sent - answered);
        uint32_t taken;

        sent += questions_send(disk, sent, room < count - sent ? room : count - sent);
        taken = answers_take(disk, &bad);
        answered += taken;
        if (taken == 0) {
            events_wait();
        }
    }
    return bad;
}
