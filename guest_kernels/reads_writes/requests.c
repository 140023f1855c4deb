/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what each sector is to hold. Requests that overlap are done in the order of submission, so
 * that is known when a request is submitted; a write that failed leaves it open until the next one.
 */
#include "requests.h"

#include "check.h"
#include "hypercall.h"
#include "marks.h"
#include "media.h"
#include "memory.h"
#include "pattern.h"

#define SLOT_SIZE_BYTES (REQUESTS_SECTOR_LIMIT * SECTOR_SIZE_BYTES)

struct slot {
    struct disk_request request;
    uint32_t number;
    uint8_t busy;
    uint8_t unsure; /* a read of sectors of which a write may have failed */
    uint32_t *data;
    uint32_t expected[REQUESTS_SECTOR_LIMIT];
};

static const struct requests_plan *plan;
static struct slot slots[DISK_DEPTH];
static uint32_t expected[REQUESTS_SPAN_LIMIT];
static struct requests_result result;
static uint32_t submitted;
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((random_state >> 33) % 0x7fffffffu % limit);
}

static void mark(uint32_t kind, uint32_t number, uint32_t value)
{
    if (plan->records) {
        CALL(hypercall_mark(kind | number << MARK_REQUEST_SHIFT, value));
    }
}

static const uint32_t *sector_of(const struct slot *slot, uint32_t index)
{
    return slot->data + index * (SECTOR_SIZE_BYTES / sizeof(*slot->data));
}

static void read_check(struct slot *slot)
{
    for (uint32_t i = 0; i < slot->request.sector_count; i++) {
        uint32_t number = pattern_read(sector_of(slot, i));

        mark(MARK_sector_read, slot->number, number);
        if (number == PATTERN_TORN || (number != slot->expected[i] && result.failed == 0)) {
            result.wrong++;
        }
    }
}

static void request_ended(struct disk_request *request)
{
    struct slot *slot = request->context;

    slot->busy = 0;
    result.ended++;
    if (request->status != DISK_STATUS_ok) {
        result.failed++;
    } else if (request->operation == DISK_OPERATION_read) {
        read_check(slot);
    }
    mark(MARK_request_ends, slot->number, request->status);
}

/* What sectors hold after a write of a request: a number that no other one gives them. */
static uint32_t number_of(const struct slot *slot, uint32_t sector)
{
    return (slot->number + 1) * plan->span + sector;
}

static void slot_prepare(struct slot *slot)
{
    struct disk_request *request = &slot->request;

    for (uint32_t i = 0; i < request->sector_count; i++) {
        uint32_t sector = (uint32_t)request->sector + i;

        switch (request->operation) {
        case DISK_OPERATION_read:
            slot->expected[i] = expected[sector];
            break;
        case DISK_OPERATION_write:
            expected[sector] = number_of(slot, sector);
            pattern_fill(slot->data + i * (SECTOR_SIZE_BYTES / sizeof(*slot->data)),
                         expected[sector]);
            break;
        default:
            expected[sector] = 0;
        }
    }
}

static void slot_submit(struct disk *disk, struct slot *slot, uint32_t operation, uint32_t sector,
                        uint32_t sector_count)
{
    slot->request = (struct disk_request){.operation = operation,
                                          .sector = sector,
                                          .sector_count = sector_count,
                                          .data = slot->data,
                                          .ended = request_ended,
                                          .context = slot};
    slot->number = submitted++;
    slot->busy = 1;
    slot_prepare(slot);
    mark(MARK_request_begins, slot->number, operation | sector_count << 8 | sector << 16);
    disk_submit(disk, &slot->request);
}

static uint32_t operation_choose(const struct disk *disk)
{
    uint32_t draw = random_below(20);

    if (draw < 9 || ((disk->flags & DISK_FLAG_DISCARD) == 0 && draw >= 18)) {
        return DISK_OPERATION_write;
    }
    return draw < 16   ? DISK_OPERATION_read
           : draw < 18 ? DISK_OPERATION_flush
           : draw < 19 ? DISK_OPERATION_discard
                       : DISK_OPERATION_write_zeroes;
}

static void request_choose(struct disk *disk, struct slot *slot)
{
    uint32_t operation = operation_choose(disk);
    uint32_t count = operation == DISK_OPERATION_flush ? 0 : 1 + random_below(plan->sectors);

    slot_submit(disk, slot, operation, count == 0 ? 0 : random_below(plan->span - count + 1),
                count);
}

static int slots_fill(struct disk *disk)
{
    int busy = 0;

    for (uint32_t i = 0; i < plan->depth; i++) {
        if (!slots[i].busy && submitted < plan->count) {
            request_choose(disk, &slots[i]);
        }
        busy |= slots[i].busy;
    }
    return busy;
}

static void read_back(struct disk *disk)
{
    for (uint32_t sector = 0; sector < plan->span; sector++) {
        slot_submit(disk, &slots[0], DISK_OPERATION_read, sector, 1);
        while (slots[0].busy) {
            if (media_poll() == 0 && slots[0].busy) {
                media_wait();
            }
        }
    }
}

struct requests_result requests_do(struct disk *disk, const struct requests_plan *what)
{
    uint8_t *data = frame_pointer(frames_allocate(DISK_DEPTH * SLOT_SIZE_BYTES / PAGE_SIZE_BYTES));

    plan = what;
    random_state = plan->seed;
    for (uint32_t i = 0; i < DISK_DEPTH; i++) {
        slots[i].data = (void *)(data + i * SLOT_SIZE_BYTES);
    }
    while (slots_fill(disk)) {
        if (media_poll() == 0) {
            media_wait();
        }
    }
    read_back(disk);
    return result;
}
