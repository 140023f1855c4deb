/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a network channel against another that is made by hand. `network_rules server` reads
 * requests from its input and writes how the server answers; `network_rules client` reads how a
 * server describes itself and answers a frame, and writes what the client makes of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_server.h"
#include "guid.h"
#include "network.h"
#include "network_server.h"

#define CHANNEL_SIZE_BYTES (IO_CHANNEL_SIZE_MINIMUM_BYTES + 65536u)
/* Beside operations: what the server is told, or the device does with its oldest transfer. */
#define STAND_BY 100u
#define OPERATE 101u
#define LINK_DOWN 102u
#define LINK_UP 103u
#define COMPLETE 104u /* with this status and size */
#define ROOM 105u     /* the device has room for so many */
#define QUIET 106u    /* whether answers stay in their queue */
#define AT_ONCE 107u  /* the device completes what begins */
#define UNNOTICED 200u

static struct network_server server;
static unsigned char *channel;
static uint32_t tags[256];
static uint32_t tag_count;
static uint32_t room = 256;
static uint32_t quiet;
static uint32_t at_once;
static unsigned stops;
static unsigned lost;
static unsigned moved;
static unsigned received;

static int start(void *context, uint32_t tag, const struct network_transfer *transfer)
{
    (void)context;
    if (at_once) {
        network_server_complete(&server, tag, NETWORK_STATUS_ok, transfer->size_bytes);
        return 1;
    }
    if (tag_count >= room) {
        return 0;
    }
    tags[tag_count++] = tag;
    return 1;
}

static void stop(void *context)
{
    (void)context;
    stops++;
    tag_count = 0;
}

static void notify(void *context)
{
    (void)context;
}

static void path_lost(void *context, uint32_t path)
{
    (void)context;
    (void)path;
    lost++;
}

/* Counted only when answers to an announcement find a buffer. */
static void path_moved(void *context)
{
    const struct network *network = context;

    moved += network->posted_count > 0;
}

static void frame_received(void *context, const uint8_t *frame, uint32_t size_bytes)
{
    (void)context;
    (void)frame;
    received += size_bytes;
}

static void ends_attach(struct signal_queue *producer, struct signal_queue *consumer, uint32_t out)
{
    struct channel_client client;

    if (channel_attach(&client, channel, CHANNEL_SIZE_BYTES, &guid_network, CHANNEL_VERSION_NETWORK,
                       CHANNEL_SIZE_BYTES) != CHANNEL_ATTACHMENT_done ||
        !channel_producer(&client, out, producer) ||
        !channel_consumer(&client, 1 - out, consumer)) {
        exit(2);
    }
}

/* Returns 0 for what is a request. */
static int server_tell(uint32_t given, uint32_t offset, uint32_t size_bytes)
{
    if (given == OPERATE || given == STAND_BY) {
        network_server_operate(&server, given == OPERATE);
    } else if (given == LINK_UP || given == LINK_DOWN) {
        network_server_link(&server, given == LINK_UP);
    } else if (given == COMPLETE) {
        uint32_t tag = tag_count > 0 ? tags[0] : 77;

        tag_count -= tag_count > 0;
        memmove(tags, tags + 1, tag_count * sizeof(tags[0]));
        network_server_complete(&server, tag, offset, size_bytes);
    } else if (given == ROOM) {
        room = offset;
    } else if (given == QUIET) {
        quiet = offset;
    } else if (given == AT_ONCE) {
        at_once = offset;
    } else {
        return 0;
    }
    return 1;
}

static void serve(void)
{
    const struct network_backend backend = {.start = start,
                                            .stop = stop,
                                            .notify = notify,
                                            .address = {2, 0, 0, 0, 0, 5},
                                            .frame_limit_bytes = 1000};
    struct network_signal signal = {.request = 0};
    struct network_signal answer;
    struct signal_queue requests;
    struct signal_queue answers;
    uint32_t given;

    if (!network_server_start(&server, channel, CHANNEL_SIZE_BYTES, &backend, 0)) {
        exit(2);
    }
    ends_attach(&requests, &answers, CHANNEL_QUEUE_TO_SERVER);
    while (scanf("%" SCNu32 " %" SCNu32 " %" SCNu32, &given, &signal.payload_offset,
                 &signal.size_bytes) == 3) {
        signal.request++;
        signal.operation = given % UNNOTICED;
        if (!server_tell(given % UNNOTICED, signal.payload_offset, signal.size_bytes)) {
            (void)queue_insert(&requests, &signal);
        }
        if (given < UNNOTICED) {
            (void)network_server_poll(&server);
        }
        while (!quiet && queue_remove(&answers, &answer) == QUEUE_REMOVAL_signal) {
            printf("%" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %u\n",
                   answer.request, answer.operation, answer.status, answer.size_bytes, answer.flags,
                   answer.address[5]);
        }
    }
    printf("%u %" PRIu64 " %" PRIu32 "\n", stops, server.stray_count, tag_count);
}

/* Describes as given; the first frame or buffer, as `to` says, is answered as given. */
static void client_answer(struct signal_queue *requests, struct signal_queue *answers,
                          const struct network_signal *given, uint32_t to)
{
    struct network_signal signal;

    while (queue_remove(requests, &signal) == QUEUE_REMOVAL_signal) {
        if (signal.operation == NETWORK_OPERATION_describe) {
            signal.size_bytes = (uint32_t)given->request;
            signal.flags = given->flags;
            memset(signal.address, given->address[0], sizeof(signal.address));
            (void)queue_insert(answers, &signal);
        } else if (signal.operation == to) {
            to = 0;
            signal.status = given->status;
            signal.size_bytes = given->size_bytes;
            signal.operation += given->operation;
            (void)queue_insert(answers, &signal);
        }
    }
}

static void ask(uint32_t path, struct network *network, const struct network_signal *given,
                uint32_t to)
{
    const struct channel_design design = {guid_network, CHANNEL_VERSION_NETWORK,
                                          IO_SIGNAL_SIZE_BYTES, IO_SLOT_COUNT, CHANNEL_SIZE_BYTES};
    static const uint8_t frame[64];
    struct signal_queue requests;
    struct signal_queue answers;
    int sent = 0;

    lost = moved = received = 0;
    (void)channel_build(channel, &design);
    ends_attach(&answers, &requests, CHANNEL_QUEUE_TO_CLIENT);
    (void)network_path_appeared(network, path, channel, CHANNEL_SIZE_BYTES);
    network_path_operates(network, path, 1);
    for (unsigned i = 0; i < 4; i++) {
        (void)network_poll(network);
        sent += network_send(network, frame, sizeof(frame));
        client_answer(&requests, &answers, given, i == 1 ? to : 0);
    }
    printf("%u %u %u %d %" PRIu32 " %d", lost, moved, received, sent, network->frame_limit_bytes,
           network_is_up(network));
    /* Whether it is used when it is said to operate: once more, and after it did not. */
    network_path_operates(network, path, 1);
    printf(" %d", network->operating == path);
    network_path_operates(network, path, 0);
    network_path_operates(network, path, 1);
    printf(" %d\n", network->operating == path);
}

static void use(void)
{
    static const struct network_operations operations = {
        .lost = path_lost, .moved = path_moved, .received = frame_received};
    static struct network network;
    struct network_signal given = {0};
    uint32_t path = 0;
    uint32_t address;
    uint32_t to;

    network_start(&network, &operations, &network);
    while (scanf("%" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32,
                 &given.request, &address, &given.flags, &to, &given.operation, &given.status,
                 &given.size_bytes) == 7) {
        given.address[0] = (uint8_t)address;
        ask(path, &network, &given, to);
        path = 1 - path;
    }
}

int main(int count, char **arguments)
{
    if (count != 2) {
        return 2;
    }
    channel = calloc(CHANNEL_SIZE_BYTES, 1);
    if (strcmp(arguments[1], "server") == 0) {
        serve();
    } else {
        use();
    }
    free(channel);
    return 0;
}
