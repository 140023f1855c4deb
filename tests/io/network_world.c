/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world of one network card with two servers, which are the guests' own code, a wire, and a
 * command that decides which path operates. `network_world BEGIN COUNT faults|calm` writes the
 * history of each seed, as c_network.py reads it; with `lie-to-client` or `lie-to-servers` it ends
 * badly only when somebody touches what is not his.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "network_server.h"
#include "watched_word.h"

#define CHANNEL_SIZE_BYTES IO_CHANNEL_SIZE_MINIMUM_BYTES
#define NOBODY 2u
#define CLIENT 3u
#define DEVICE_DEPTH 12u /* transfers of each kind that the device has room for */
#define FRAME_COUNT 60u  /* of each direction */
#define STEP_LIMIT 4000u

struct held {
    uint32_t tag;
    struct network_transfer transfer;
};

struct side { /* one I/O partition with its device, and what command knows of it */
    struct network_server server;
    uint8_t *channel;
    uint8_t alive;
    uint8_t active; /* the device's port */
    uint8_t unanswered; /* the client has not yet said that it has left the path */
    uint32_t accesses_left; /* of shared memory, until it dies; 0: it lives */
    uint32_t held_count[2]; /* by kind: sends, posts */
    struct held held[2][DEVICE_DEPTH];
};

static struct side sides[2];
static struct network card;
static struct {
    uint32_t path;
    int operates;
} news[64];
static uint32_t news_begin, news_count;
static uint32_t active, running, lie_percent, lied_to;
static uint32_t sent, arrived, crashes;
static uint64_t random_state;
static jmp_buf death;

static uint64_t choose(uint64_t count)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % count;
}

void watch_access(void)
{
    struct side *side = running < 2 ? &sides[running] : 0;

    if (side != 0 && side->accesses_left > 0 && --side->accesses_left == 0) {
        longjmp(death, 1);
    }
}

void watch_read(void *bytes, size_t size_bytes)
{
    static const uint32_t extremes[] = {0,    1,    13,    14,         127,
                                        1514, 1515, 20480, 0x7fffffff, UINT32_MAX};
    int lied = lied_to == CLIENT ? running == CLIENT : running < 2;
    uint32_t value;

    if (lie_percent == 0 || !lied || size_bytes < 4 || choose(100) >= lie_percent) {
        return;
    }
    value = choose(2) ? (uint32_t)choose(UINT32_MAX) : extremes[choose(10)];
    memcpy((uint8_t *)bytes + choose(size_bytes / 4) * 4, &value, sizeof(value));
}

/* Frames carry their number, and bytes that follow from it up to their end. */
static uint32_t frame_make(uint8_t *frame, uint32_t number)
{
    uint32_t size_bytes = 14 + number * 37 % 1501;

    for (uint32_t i = 0; i < size_bytes; i++) {
        frame[i] = (uint8_t)(number + i);
    }
    memcpy(frame, &number, sizeof(number));
    return size_bytes;
}

static void frame_tell(char kind, uint32_t path, const uint8_t *frame, uint32_t size_bytes)
{
    uint8_t expected[NETWORK_FRAME_LIMIT_BYTES];
    uint32_t number;

    memcpy(&number, frame, sizeof(number));
    printf("%c %" PRIu32 " %" PRIu32 " %d\n", kind, path, number,
           size_bytes == frame_make(expected, number) && memcmp(expected, frame, size_bytes) == 0);
}

/* The back end and its device. */

static int device_start(void *context, uint32_t tag, const struct network_transfer *transfer)
{
    struct side *side = context;
    uint32_t kind = transfer->operation == NETWORK_OPERATION_post;

    if (transfer->payload_offset < IO_PAYLOAD_OFFSET ||
        (uint64_t)transfer->payload_offset + transfer->size_bytes > CHANNEL_SIZE_BYTES ||
        transfer->size_bytes < (kind ? NETWORK_FRAME_LIMIT_BYTES : 14u) ||
        (!kind && transfer->size_bytes > NETWORK_FRAME_LIMIT_BYTES) || !side->server.operating) {
        abort();
    }
    if (side->held_count[kind] == DEVICE_DEPTH) {
        return 0;
    }
    side->held[kind][side->held_count[kind]++] = (struct held){tag, *transfer};
    return 1;
}

static void device_stop(void *context)
{
    struct side *side = context;

    side->held_count[0] = side->held_count[1] = 0;
}

static void server_notify(void *context)
{
    (void)context;
}

static void client_notify(void *context, uint32_t path)
{
    (void)context;
    (void)path;
}

static void client_received(void *context, const uint8_t *frame, uint32_t size_bytes)
{
    (void)context;
    if (lie_percent == 0) {
        frame_tell('R', card.operating, frame, size_bytes);
    }
}

static void client_moved(void *context)
{
    (void)context;
    printf("M %" PRIu32 "\n", card.operating);
}

static const struct network_backend backend = {.start = device_start,
                                               .stop = device_stop,
                                               .notify = server_notify,
                                               .address = {2, 0, 0, 0, 0, 1},
                                               .frame_limit_bytes = NETWORK_FRAME_LIMIT_BYTES};
static const struct network_operations operations = {
    .notify = client_notify, .received = client_received, .moved = client_moved};

/* What a server does in a turn, in which it may die. */

static struct held done;
static uint32_t done_status, done_size_bytes;

static void side_start(struct side *side)
{
    side->alive = (uint8_t)network_server_start(&side->server, side->channel, CHANNEL_SIZE_BYTES,
                                                &backend, side);
    if (side->alive) {
        network_server_link(&side->server, 1);
    }
}

static void side_operate(struct side *side)
{
    network_server_operate(&side->server, 1);
}

static void side_stand_by(struct side *side)
{
    network_server_operate(&side->server, 0);
}

static void side_poll(struct side *side)
{
    (void)network_server_poll(&side->server);
}

static void side_complete(struct side *side)
{
    network_server_complete(&side->server, done.tag, done_status, done_size_bytes);
}

static void side_link(struct side *side)
{
    network_server_link(&side->server, !side->server.link_up);
}

static int side_run(uint32_t path, void (*turn)(struct side *side))
{
    if (!sides[path].alive) {
        return 0;
    }
    running = path;
    if (setjmp(death) != 0) {
        sides[running].alive = 0;
        crashes++;
        running = NOBODY;
        return 0;
    }
    turn(&sides[path]);
    running = NOBODY;
    return 1;
}

/* One transfer of a device whose port is active: in order, as a ring has them. */
static void device_step(uint32_t path, uint32_t kind)
{
    struct side *side = &sides[path];

    if (!side->active || side->held_count[kind] == 0 ||
        (kind == 1 && (arrived == FRAME_COUNT || !side->server.link_up))) {
        return;
    }
    done = side->held[kind][0];
    memmove(side->held[kind], side->held[kind] + 1, --side->held_count[kind] * sizeof(done));
    done_status = NETWORK_STATUS_ok;
    if (kind == 1) {
        done_size_bytes = frame_make(side->channel + done.transfer.payload_offset, arrived++);
        printf("A %" PRIu32 " %" PRIu32 "\n", path, arrived - 1);
    } else if (lie_percent == 0) {
        frame_tell('W', path, side->channel + done.transfer.payload_offset,
                   done.transfer.size_bytes);
    }
    (void)side_run(path, side_complete);
}

static void client_turn(void)
{
    uint8_t frame[NETWORK_FRAME_LIMIT_BYTES];

    running = CLIENT;
    if (news_count > 0 && choose(4) == 0) {
        uint32_t path = news[news_begin].path;

        network_path_operates(&card, path, news[news_begin].operates);
        if (!news[news_begin].operates) {
            sides[path].unanswered = 0;
            printf("L %" PRIu32 "\n", path);
        }
        news_begin = (news_begin + 1) % 64;
        news_count--;
    }
    if (sent < FRAME_COUNT && choose(2) && network_send(&card, frame, frame_make(frame, sent))) {
        printf("T %" PRIu32 " %" PRIu32 "\n", card.operating, sent++);
    }
    (void)network_poll(&card);
    running = NOBODY;
}

/* Command: the order of a failover that docs/io-channels.md gives. */

static void client_tell(uint32_t path, int operates)
{
    if (news_count == 64) {
        abort();
    }
    news[(news_begin + news_count) % 64].path = path;
    news[(news_begin + news_count++) % 64].operates = operates;
}

static void path_end(uint32_t path)
{
    sides[path].active = 0;
    sides[path].unanswered = 1;
    active = NOBODY;
    client_tell(path, 0);
}

static void side_begin(uint32_t path)
{
    memset(sides[path].channel, 0, CHANNEL_SIZE_BYTES);
    device_stop(&sides[path]);
    sides[path].alive = 1;
    (void)side_run(path, side_start);
}

static void command_turn(void)
{
    uint32_t path = (uint32_t)choose(2);
    struct side *side = &sides[path];

    if (!side->alive && active == path) {
        path_end(path);
    } else if (!side->alive && !side->unanswered) {
        side->accesses_left = choose(4) ? 0 : 1 + (uint32_t)choose(800);
        side_begin(path);
    } else if (side->alive && active == NOBODY && !side->unanswered &&
               side_run(path, side_operate)) {
        side->active = 1;
        active = path;
        client_tell(path, 1);
    }
}

static void fault(void)
{
    uint32_t path = (uint32_t)choose(2);

    if (choose(3) == 0 && active != NOBODY) {
        path = active;
        path_end(path);
        if (choose(2)) {
            (void)side_run(path, side_stand_by);
        }
    } else if (choose(4) == 0) {
        (void)side_run(path, side_link);
    } else if (sides[path].accesses_left == 0) {
        sides[path].accesses_left = 1 + (uint32_t)choose(300);
    }
}

static void step(void)
{
    uint32_t choice = (uint32_t)choose(10);

    if (choice < 3) {
        client_turn();
    } else if (choice < 6) {
        (void)side_run(choice % 2, side_poll);
    } else if (choice < 9) {
        device_step((uint32_t)choose(2), choice % 2);
    } else {
        command_turn();
    }
}

static void world_begin(uint64_t seed)
{
    random_state = seed * 0xd1342543de82ef95u + 1;
    news_begin = news_count = sent = arrived = crashes = lie_percent = 0;
    active = running = NOBODY;
    network_start(&card, &operations, 0);
    for (uint32_t path = 0; path < 2; path++) {
        uint8_t *channel = sides[path].channel;

        memset(&sides[path], 0, sizeof(sides[path]));
        sides[path].channel = channel ? channel : malloc(CHANNEL_SIZE_BYTES);
        side_begin(path);
        (void)network_path_appeared(&card, path, sides[path].channel, CHANNEL_SIZE_BYTES);
    }
}

/* Every frame that was sent is counted once, and every buffer is lent once. */
static void books_balance(void)
{
    uint32_t lent = 0, under_way = 0, sends = 0;

    for (uint32_t row = 0; row < NETWORK_DEPTH; row++) {
        under_way += card.requests[row].number != 0;
        sends += card.requests[row].number != 0 &&
                 card.requests[row].operation == NETWORK_OPERATION_send;
    }
    for (uint32_t block = 0; block < PAYLOAD_BLOCK_LIMIT; block++) {
        lent += card.path.area.lent[block];
    }
    if (card.sent_count != card.passed_count + card.dropped_count + card.left_count + sends ||
        (card.path.state == NETWORK_PATH_open && lent != under_way) ||
        card.free_count + under_way != NETWORK_DEPTH || card.posted_count != under_way - sends) {
        fprintf(stderr, "ERROR: the card's books do not balance\n");
        abort();
    }
}

static void simulate(uint64_t seed, const char *what)
{
    uint32_t faults;

    world_begin(seed);
    faults = strcmp(what, "calm") == 0 ? 0 : (uint32_t)choose(8);
    if (strncmp(what, "lie", 3) == 0) {
        lied_to = strcmp(what, "lie-to-client") == 0 ? CLIENT : NOBODY;
        lie_percent = 1 + (uint32_t)choose(20);
        faults = 20;
    }
    printf("S %" PRIu64 "\n", seed);
    for (uint32_t i = 0; i < STEP_LIMIT; i++) {
        if (faults > 0 && choose(96) == 0) {
            faults--;
            fault();
        }
        step();
        books_balance();
    }
    printf("F %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", crashes,
           card.passed_count, card.left_count, card.dropped_count, card.moved_count,
           card.lost_count);
}

int main(int count, char **arguments)
{
    uint64_t begin;
    uint64_t end;

    if (count != 4) {
        return 2;
    }
    begin = strtoull(arguments[1], 0, 0);
    end = begin + strtoull(arguments[2], 0, 0);
    for (uint64_t seed = begin; seed < end; seed++) {
        simulate(seed, arguments[3]);
    }
    return 0;
}
