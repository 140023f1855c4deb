/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the buffers of measured requests. Each writes its own number first, and is read back so.
 */
#include "sequence.h"

#include "media.h"
#include "memory.h"

static const struct sequence_plan *plan;
static struct disk *target;
static struct disk_request requests[DISK_DEPTH];
static uint32_t numbers[DISK_DEPTH];
static uint8_t *buffers;
static uint32_t submitted;
static uint32_t under_way;
static uint32_t bad;

static uint32_t *first_word(const struct disk_request *request)
{
    return request->data;
}

static void request_next(struct disk_request *request)
{
    uint32_t places = (uint32_t)target->capacity_sectors / plan->sectors;
    uint32_t place;

    if (submitted == plan->count) {
        return;
    }
    place = submitted % places;
    numbers[request - requests] = place;
    request->sector = (uint64_t)place * plan->sectors;
    *first_word(request) = request->operation == DISK_OPERATION_write ? place : ~place;
    submitted++;
    under_way++;
    disk_submit(target, request);
}

static void request_ended(struct disk_request *request)
{
    under_way--;
    if (request->status != DISK_STATUS_ok || *first_word(request) != numbers[request - requests]) {
        bad++;
    }
    request_next(request);
}

uint32_t sequence_do(struct disk *disk, const struct sequence_plan *what, uint32_t operation)
{
    uint32_t size_bytes = what->sectors * SECTOR_SIZE_BYTES;

    plan = what;
    target = disk;
    submitted = 0;
    bad = 0;
    if (buffers == 0) {
        buffers = frame_pointer(
            frames_allocate((plan->depth * size_bytes + PAGE_SIZE_BYTES - 1) / PAGE_SIZE_BYTES));
    }
    for (uint32_t i = 0; i < plan->depth; i++) {
        requests[i] = (struct disk_request){.operation = operation,
                                            .sector_count = plan->sectors,
                                            .data = buffers + (uintptr_t)i * size_bytes,
                                            .ended = request_ended};
        request_next(&requests[i]);
    }
    while (under_way != 0) {
        if (media_poll() == 0) {
            media_wait();
        }
    }
    return bad;
}
