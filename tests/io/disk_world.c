/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the world: what each part does in a turn, by the order of a failover that
 * docs/io-channels.md gives; and the lines I and C of the history: a request began, it ended.
 */
#include "disk_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watched_word.h"

#define CHANNEL_SIZE_BYTES IO_CHANNEL_SIZE_MINIMUM_BYTES
/* More than the area of payload has room for at once. */
#define SECTOR_LIMIT_OF_REQUEST 10u
#define OUTSTANDING_LIMIT 24u

struct world world;
static uint64_t random_state;
static jmp_buf death;

uint64_t world_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int chance(uint32_t percent)
{
    return world_random() % 100 < percent;
}

void watch_access(void)
{
    struct side *side = world.running < 2 ? &world.sides[world.running] : 0;

    if (side != 0 && side->accesses_left > 0 && --side->accesses_left == 0) {
        longjmp(death, 1);
    }
}

void watch_read(void *bytes, size_t size_bytes)
{
    static const uint32_t extremes[] = {0, 1, 127, 128, 4096, 0x7fffffff, 0x80000000, 0xffffffff};
    int lied = world.lied_to == CLIENT ? world.running == CLIENT : world.running < 2;
    uint32_t value = (uint32_t)world_random();
    size_t place;

    if (world.lie_percent == 0 || !lied || size_bytes < 4 || !chance(world.lie_percent)) {
        return;
    }
    if (chance(50)) {
        value = extremes[world_random() % (sizeof(extremes) / sizeof(extremes[0]))];
    }
    place = (size_t)(world_random() % (size_bytes / 4)) * 4;
    memcpy((uint8_t *)bytes + place, &value, sizeof(value));
}

/* Runs a server's code, which may die at any access; returns 0 then. */
static int side_run(uint32_t path, void (*turn)(struct side *side))
{
    struct side *side = &world.sides[path];

    if (!side->alive) {
        return 0;
    }
    world.running = path;
    if (setjmp(death) != 0) {
        world.sides[world.running].alive = 0;
        world.crashes++;
        world.running = NOBODY;
        return 0;
    }
    turn(side);
    world.running = NOBODY;
    return 1;
}

/* The client's events, and the servers'. */

static void server_notify(void *context)
{
    (void)context;
    if (!chance(world.event_loss_percent)) {
        world.client_event = 1;
    }
}

static void client_notify(void *context, uint32_t path)
{
    (void)context;
    if (!chance(world.event_loss_percent)) {
        world.sides[path].event = 1;
    }
}

static int server_start(void *context, uint32_t tag, const struct disk_transfer *transfer)
{
    const struct side *side = context;
    uint64_t size_bytes = (uint64_t)transfer->sector_count * SECTOR_SIZE_BYTES;

    if (transfer->operation != DISK_OPERATION_flush &&
        (transfer->sector_count == 0 || transfer->sector >= MEDIUM_SECTOR_COUNT ||
         transfer->sector_count > MEDIUM_SECTOR_COUNT - transfer->sector)) {
        abort();
    }
    if (transfer->operation < DISK_OPERATION_flush &&
        (transfer->payload_offset < IO_PAYLOAD_OFFSET ||
         transfer->payload_offset + size_bytes > CHANNEL_SIZE_BYTES)) {
        abort();
    }
    return medium_begin(&world.medium, side == &world.sides[1], tag, side->channel, transfer);
}

static const struct disk_backend backend = {
    .start = server_start,
    .notify = server_notify,
    .capacity_sectors = MEDIUM_SECTOR_COUNT,
    .transfer_limit_sectors = 16,
    .flags = DISK_FLAG_DISCARD,
};
static const struct disk_operations operations = {.notify = client_notify};

/* The device tells in a later turn. */
static void device_complete(uint32_t port, uint32_t tag, uint32_t status)
{
    if (world.done_count < DONE_LIMIT) {
        world.dones[world.done_count++] = (struct done){port, tag, status};
    }
}

/* Whatever the client makes of the new channel, its signals are no longer than the server's. */
static void side_start(struct side *side)
{
    struct disk_server *server = &side->server;

    side->ready =
        (uint8_t)disk_server_start(server, side->channel, CHANNEL_SIZE_BYTES, &backend, side);
    if (side->ready && (server->channel.requests.signal_size_bytes != IO_SIGNAL_SIZE_BYTES ||
                        server->channel.answers.signal_size_bytes != IO_SIGNAL_SIZE_BYTES)) {
        fprintf(stderr, "ERROR: a client says how long signals are\n");
        abort();
    }
}

static void side_operate(struct side *side)
{
    disk_server_operate(&side->server, 1);
}

static void side_stand_by(struct side *side)
{
    disk_server_operate(&side->server, 0);
}

static void side_poll(struct side *side)
{
    (void)disk_server_poll(&side->server);
}

static struct done done_taken;

static void side_complete(struct side *side)
{
    disk_server_complete(&side->server, done_taken.tag, done_taken.status);
}

void world_server(uint32_t path)
{
    /* Who has missed an event looks by itself, now and then. */
    if (world.sides[path].event || chance(10)) {
        world.sides[path].event = 0;
        (void)side_run(path, side_poll);
    }
}

void world_device(void)
{
    uint32_t index;

    if (world.done_count > 0 && chance(50)) {
        index = (uint32_t)(world_random() % world.done_count);
        done_taken = world.dones[index];
        world.dones[index] = world.dones[--world.done_count];
        (void)side_run(done_taken.port, side_complete);
        return;
    }
    (void)medium_step(&world.medium);
}

/* The client. */

static void request_ended(struct disk_request *request)
{
    uint32_t index = (uint32_t)(request - world.requests);

    world.ended++;
    printf("C %" PRIu32 " %" PRIu32, index, request->status);
    if (request->operation == DISK_OPERATION_read && request->status == DISK_STATUS_ok) {
        for (uint32_t i = 0; i < request->sector_count; i++) {
            printf(" %" PRIu64,
                   sector_value((uint8_t *)request->data + (size_t)i * SECTOR_SIZE_BYTES));
        }
    }
    printf("\n");
    free(request->data);
    request->data = 0;
}

static uint32_t operation_choose(void)
{
    uint64_t number = world_random() % 100;

    return number < 45   ? DISK_OPERATION_write
           : number < 75 ? DISK_OPERATION_read
           : number < 88 ? DISK_OPERATION_flush
           : number < 95 ? DISK_OPERATION_write_zeroes
                         : DISK_OPERATION_discard;
}

void world_submit(void)
{
    struct disk_request *request = &world.requests[world.submitted];

    if (world.submitted == REQUEST_COUNT || world.submitted - world.ended == OUTSTANDING_LIMIT) {
        return;
    }
    memset(request, 0, sizeof(*request));
    request->operation = operation_choose();
    request->ended = request_ended;
    if (request->operation != DISK_OPERATION_flush) {
        request->sector_count = 1 + (uint32_t)(world_random() % SECTOR_LIMIT_OF_REQUEST);
        request->sector = world_random() % (MEDIUM_SECTOR_COUNT - request->sector_count + 1);
    }
    if (request->operation < DISK_OPERATION_flush) {
        request->data = calloc(request->sector_count, SECTOR_SIZE_BYTES);
    }
    for (uint32_t i = 0; i < request->sector_count && request->data != 0; i++) {
        if (request->operation == DISK_OPERATION_write) {
            sector_fill((uint8_t *)request->data + (size_t)i * SECTOR_SIZE_BYTES,
                        ((uint64_t)world.submitted + 1) * MEDIUM_SECTOR_COUNT + request->sector +
                            i);
        }
    }
    printf("I %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu32 "\n", world.submitted,
           request->operation, request->sector, request->sector_count);
    world.submitted++;
    disk_submit(&world.disk, request);
    world.client_event = 1;
}

void world_client(void)
{
    world.running = CLIENT;
    if (world.news_count > 0 && chance(20)) {
        struct news news = world.news[world.news_begin];

        world.news_begin = (world.news_begin + 1) % NEWS_LIMIT;
        world.news_count--;
        disk_path_operates(&world.disk, news.path, news.operates);
        if (!news.operates) {
            world.sides[news.path].unanswered = 0;
        }
        world.client_event = 1;
    }
    if (world.client_event || chance(10)) {
        world.client_event = disk_poll(&world.disk) > 0;
    }
    world.running = NOBODY;
}

/* Command and the ultravisor. */

/* Now and then twice: it is nothing new. */
static void client_tell(uint32_t path, int operates)
{
    uint32_t times = chance(10) ? 2 : 1;

    for (; times > 0; times--) {
        if (world.news_count == NEWS_LIMIT) {
            abort();
        }
        world.news[(world.news_begin + world.news_count++) % NEWS_LIMIT] =
            (struct news){path, operates};
    }
}

static void path_end(uint32_t path)
{
    medium_fence(&world.medium, path);
    world.active = NOBODY;
    world.sides[path].unanswered = 1;
    client_tell(path, 0);
}

/* The partition begins anew: nothing of its channel, its memory or its device's ring stays. */
static void side_begin(uint32_t path)
{
    struct side *side = &world.sides[path];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < world.done_count; i++) {
        if (world.dones[i].port != path) {
            world.dones[kept++] = world.dones[i];
        }
    }
    world.done_count = kept;
    memset((void *)(uintptr_t)side->channel, 0, CHANNEL_SIZE_BYTES);
    side->alive = 1;
    side->condemned = 0;
    side->event = 0;
    side->ready = 0;
    (void)side_run(path, side_start);
    side->alive = side->ready;
}

static void path_begin(uint32_t path)
{
    world.medium.active[path] = 1;
    if (!side_run(path, side_operate)) {
        medium_fence(&world.medium, path);
        return;
    }
    world.active = path;
    world.takeovers++;
    client_tell(path, 1);
}

void world_command(void)
{
    uint32_t path = (uint32_t)(world_random() % 2);
    struct side *side = &world.sides[path];

    if (!side->alive || side->condemned) {
        side->ready = 0;
        if (world.active == path) {
            path_end(path);
            return;
        }
        /* Its channel is the client's until the client has said that it has left it. */
        if (!side->unanswered) {
            side->accesses_left = chance(10) ? 1 + (uint32_t)(world_random() % 800) : 0;
            side_begin(path);
        }
        return;
    }
    if (world.active == NOBODY && side->ready && !side->unanswered) {
        path_begin(path);
    }
}

void world_crash(uint32_t path, uint32_t accesses)
{
    world.sides[path].accesses_left = accesses;
}

void world_condemn(uint32_t path)
{
    world.sides[path].condemned = 1;
}

void world_order(void)
{
    uint32_t path = world.active;

    if (path != NOBODY) {
        path_end(path);
        if (chance(50)) { /* or it is told only when it is to operate again */
            (void)side_run(path, side_stand_by);
        }
    }
}

void world_begin(uint64_t seed)
{
    volatile uint8_t *channels[2] = {world.sides[0].channel, world.sides[1].channel};
    enum medium_mistake mistake = world.medium.mistake;

    random_state = seed * 0xd1342543de82ef95u + 1;
    for (uint32_t i = 0; i < REQUEST_COUNT; i++) {
        free(world.requests[i].data);
    }
    memset(&world, 0, sizeof(world));
    world.running = NOBODY;
    world.active = NOBODY;
    world.medium.mistake = mistake;
    world.medium.random = world_random;
    world.medium.complete = device_complete;
    medium_reset(&world.medium);
    disk_start(&world.disk, &operations, 0);
    for (uint32_t path = 0; path < 2; path++) {
        world.sides[path].channel = channels[path] ? channels[path] : malloc(CHANNEL_SIZE_BYTES);
        side_begin(path);
        (void)disk_path_appeared(&world.disk, path, world.sides[path].channel, CHANNEL_SIZE_BYTES);
    }
}
