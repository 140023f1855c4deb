/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a disk channel against another that is made by hand. `disk_rules server FLAGS` reads
 * requests from its input and writes how the server answers each; `disk_rules client` reads how a
 * server describes its disk and its answers, and writes what the client makes of it.
 * `disk_rules transfer` has a real one at each end, and whole transfers that wait for their end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_server.h"
#include "disk.h"
#include "disk_server.h"
#include "guid.h"

#define CHANNEL_SIZE_BYTES (IO_CHANNEL_SIZE_MINIMUM_BYTES + 65536u)
#define CAPACITY_SECTORS 1000u
#define TRANSFER_LIMIT_SECTORS 200u
/* Beside operations: what the server is told, and a request that it does not notice yet. */
#define STAND_BY 100u
#define OPERATE 101u
#define UNNOTICED 200u

static struct disk_server server;
static unsigned char *channel;
static unsigned char sectors[CAPACITY_SECTORS][SECTOR_SIZE_BYTES];
static unsigned lost;
static unsigned transfers;

/* Carries out everything at once. */
static int start(void *context, uint32_t tag, const struct disk_transfer *transfer)
{
    size_t size_bytes = (size_t)transfer->sector_count * SECTOR_SIZE_BYTES;

    (void)context;
    transfers++;
    if (transfer->operation == DISK_OPERATION_read) {
        memcpy(channel + transfer->payload_offset, sectors[transfer->sector], size_bytes);
    } else if (transfer->operation == DISK_OPERATION_write) {
        memcpy(sectors[transfer->sector], channel + transfer->payload_offset, size_bytes);
    } else if (transfer->operation != DISK_OPERATION_flush) {
        memset(sectors[transfer->sector], 0, size_bytes);
    }
    disk_server_complete(&server, tag, DISK_STATUS_ok);
    return 1;
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

static void ends_attach(struct signal_queue *producer, struct signal_queue *consumer, uint32_t out)
{
    struct channel_client client;

    if (channel_attach(&client, channel, CHANNEL_SIZE_BYTES, &guid_disk, CHANNEL_VERSION_DISK,
                       CHANNEL_SIZE_BYTES) != CHANNEL_ATTACHMENT_done ||
        !channel_producer(&client, out, producer) ||
        !channel_consumer(&client, 1 - out, consumer)) {
        exit(2);
    }
}

static void serve(uint32_t flags)
{
    struct disk_backend backend = {.start = start,
                                   .notify = notify,
                                   .capacity_sectors = CAPACITY_SECTORS,
                                   .transfer_limit_sectors = TRANSFER_LIMIT_SECTORS,
                                   .flags = flags};
    struct disk_signal signal = {.request = 77};
    struct signal_queue requests;
    struct signal_queue answers;

    if (!disk_server_start(&server, channel, CHANNEL_SIZE_BYTES, &backend, 0)) {
        exit(2);
    }
    ends_attach(&requests, &answers, CHANNEL_QUEUE_TO_SERVER);
    while (scanf("%" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNu32, &signal.operation, &signal.sector,
                 &signal.sector_count, &signal.payload_offset) == 4) {
        uint32_t given = signal.operation;
        struct disk_signal answer = {0};

        if (given == OPERATE || given == STAND_BY) {
            disk_server_operate(&server, given == OPERATE);
        } else {
            signal.operation = given % UNNOTICED;
            (void)queue_insert(&requests, &signal);
        }
        if (given < UNNOTICED) {
            (void)disk_server_poll(&server);
        }
        while (queue_remove(&answers, &answer) == QUEUE_REMOVAL_signal && answer.request == 77) {
            printf("%" PRIu32 " %" PRIu64 " %" PRIu32 " %" PRIu32 "\n", answer.status,
                   answer.capacity_sectors, answer.transfer_limit_sectors, answer.flags);
        }
    }
}

/* Answers what the client has sent: the description as given, all else with this status. */
static void client_answer(struct signal_queue *requests, struct signal_queue *answers,
                          const struct disk_signal *given)
{
    struct disk_signal signal;

    while (queue_remove(requests, &signal) == QUEUE_REMOVAL_signal) {
        if (signal.operation == DISK_OPERATION_describe) {
            signal.capacity_sectors = given->capacity_sectors;
            signal.transfer_limit_sectors = given->transfer_limit_sectors;
            signal.flags = given->flags;
        } else {
            signal.status = given->status;
            signal.operation += given->operation;
        }
        (void)queue_insert(answers, &signal);
    }
}

static void ask(uint32_t path, struct disk *disk, const struct disk_signal *given)
{
    const struct channel_design design = {guid_disk, CHANNEL_VERSION_DISK, IO_SIGNAL_SIZE_BYTES,
                                          IO_SLOT_COUNT, CHANNEL_SIZE_BYTES};
    unsigned char data[SECTOR_SIZE_BYTES] = {0};
    struct disk_request request = {
        .operation = DISK_OPERATION_read, .sector_count = 1, .sector = given->sector, .data = data};
    struct signal_queue requests;
    struct signal_queue answers;

    lost = 0;
    (void)channel_build(channel, &design);
    ends_attach(&answers, &requests, CHANNEL_QUEUE_TO_CLIENT);
    (void)disk_path_appeared(disk, path, channel, CHANNEL_SIZE_BYTES);
    disk_path_operates(disk, path, 1);
    disk_submit(disk, &request);
    for (unsigned i = 0; i < 4; i++) {
        (void)disk_poll(disk);
        client_answer(&requests, &answers, given);
    }
    printf("%" PRId32 " %u %" PRIu64 " %" PRIu32 " %" PRIu32, (int32_t)request.status, lost,
           disk->capacity_sectors, disk->transfer_limit_sectors, disk->flags);
    /* Whether it is used when it is said to operate: once more, and after it did not. */
    disk_path_operates(disk, path, 1);
    printf(" %d", disk->operating == path);
    disk_path_operates(disk, path, 0);
    disk_path_operates(disk, path, 1);
    printf(" %d\n", disk->operating == path);
    if (request.status == DISK_STATUS_pending) { /* its memory ends here */
        disk->first = 0;
        disk->last = 0;
    }
}

static void use(void)
{
    static const struct disk_operations operations = {.lost = path_lost};
    struct disk_signal given = {0};
    struct disk disk;
    uint32_t path = 0;

    disk_start(&disk, &operations, 0);
    while (scanf("%" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64,
                 &given.capacity_sectors, &given.transfer_limit_sectors, &given.flags,
                 &given.status, &given.operation, &given.sector) == 6) {
        ask(path, &disk, &given);
        path = 1 - path;
    }
}

/* As long as the client waits, the server works. */
static void wait(void *context)
{
    (void)context;
    (void)disk_server_poll(&server);
}

/* Each byte that a transfer writes is the same; of a read all that it returns are added up. */
static void transfer(void)
{
    static const struct disk_backend backend = {start, notify, CAPACITY_SECTORS,
                                                TRANSFER_LIMIT_SECTORS, DISK_FLAG_DISCARD};
    static const struct disk_operations operations = {.wait = wait};
    static unsigned char data[2 * CAPACITY_SECTORS * SECTOR_SIZE_BYTES];
    struct disk disk;
    uint32_t operation;
    uint64_t sector;
    uint32_t count;
    uint32_t byte;

    disk_start(&disk, &operations, 0);
    (void)disk_server_start(&server, channel, CHANNEL_SIZE_BYTES, &backend, 0);
    disk_server_operate(&server, 1);
    (void)disk_path_appeared(&disk, 0, channel, CHANNEL_SIZE_BYTES);
    disk_path_operates(&disk, 0, 1);
    while (scanf("%" SCNu32 " %" SCNu64 " %" SCNu32 " %" SCNu32, &operation, &sector, &count,
                 &byte) == 4) {
        uint64_t sum = 0;
        uint32_t status;

        transfers = 0;
        memset(data, (int)byte, sizeof(data));
        status = disk_transfer(&disk, operation, sector, count, data);
        for (size_t i = 0; i < (size_t)count * SECTOR_SIZE_BYTES; i++) {
            sum += data[i];
        }
        printf("%" PRIu32 " %u %" PRIu64 "\n", status, transfers, sum);
    }
}

int main(int count, char **arguments)
{
    channel = calloc(CHANNEL_SIZE_BYTES, 1);
    if (count == 3 && strcmp(arguments[1], "server") == 0) {
        serve((uint32_t)strtoul(arguments[2], 0, 0));
    } else if (count == 2 && strcmp(arguments[1], "client") == 0) {
        use();
    } else if (count == 2) {
        transfer();
    } else {
        return 2;
    }
    free(channel);
    return 0;
}
