/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the model of the disk, and the lines A, Y, X and P of the history: a sector was
 * written, all was made durable, a transfer failed, this is left after the host has died.
 */
#include "medium.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sector_fill(volatile uint8_t *bytes, uint64_t value)
{
    for (uint32_t i = 0; i < SECTOR_SIZE_BYTES; i++) {
        bytes[i] = (uint8_t)(value >> (i % 8 * 8));
    }
}

uint64_t sector_value(const volatile uint8_t *bytes)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (i * 8);
    }
    for (uint32_t i = 8; i < SECTOR_SIZE_BYTES; i++) {
        if (bytes[i] != bytes[i % 8]) {
            return MEDIUM_TORN;
        }
    }
    return value;
}

void medium_reset(struct medium *medium)
{
    memset(medium->active, 0, sizeof(medium->active));
    memset(medium->current, 0, sizeof(medium->current));
    memset(medium->durable, 0, sizeof(medium->durable));
    memset(medium->transfers, 0, sizeof(medium->transfers));
}

static int port_reaches(const struct medium *medium, uint32_t port)
{
    return medium->active[port] || medium->mistake == MEDIUM_MISTAKE_no_fence;
}

int medium_begin(struct medium *medium, uint32_t port, uint32_t tag, volatile uint8_t *channel,
                 const struct disk_transfer *transfer)
{
    if (!port_reaches(medium, port)) {
        medium->complete(port, tag, DISK_STATUS_fenced);
        return 1;
    }
    for (uint32_t i = 0; i < MEDIUM_TRANSFER_LIMIT; i++) {
        struct medium_transfer *free = &medium->transfers[i];

        if (!free->used) {
            *free = (struct medium_transfer){.used = 1, .port = port, .tag = tag};
            free->payload = channel + transfer->payload_offset;
            free->transfer = *transfer;
            return 1;
        }
    }
    return 0;
}

static void sector_do(struct medium *medium, struct medium_transfer *transfer)
{
    uint64_t sector = transfer->transfer.sector + transfer->done_sectors;
    volatile uint8_t *bytes =
        transfer->payload + (size_t)transfer->done_sectors * SECTOR_SIZE_BYTES;

    if (transfer->transfer.operation == DISK_OPERATION_read) {
        sector_fill(bytes, medium->current[sector]);
        return;
    }
    medium->current[sector] =
        transfer->transfer.operation == DISK_OPERATION_write ? sector_value(bytes) : 0;
    printf("A %" PRIu64 " %" PRIu64 "\n", sector, medium->current[sector]);
}

static void transfer_end(struct medium *medium, struct medium_transfer *transfer, uint32_t status)
{
    transfer->used = 0;
    if (!transfer->ended) {
        medium->complete(transfer->port, transfer->tag, status);
    }
}

static void transfer_step(struct medium *medium, struct medium_transfer *transfer)
{
    uint32_t operation = transfer->transfer.operation;

    if (medium->random() % 100 < medium->error_percent) {
        printf("X\n");
        transfer_end(medium, transfer, DISK_STATUS_io_error);
    } else if (operation == DISK_OPERATION_flush) {
        if (medium->mistake != MEDIUM_MISTAKE_no_flush) {
            memcpy(medium->durable, medium->current, sizeof(medium->durable));
            printf("Y\n");
        }
        transfer_end(medium, transfer, DISK_STATUS_ok);
    } else if (transfer->done_sectors == transfer->transfer.sector_count ||
               (medium->mistake == MEDIUM_MISTAKE_lost_write && operation == DISK_OPERATION_write &&
                medium->random() % 64 == 0)) {
        transfer_end(medium, transfer, DISK_STATUS_ok);
    } else {
        if (medium->mistake == MEDIUM_MISTAKE_early_end && operation == DISK_OPERATION_write &&
            !transfer->ended) {
            medium->complete(transfer->port, transfer->tag, DISK_STATUS_ok);
            transfer->ended = 1;
        }
        sector_do(medium, transfer);
        transfer->done_sectors++;
    }
}

int medium_step(struct medium *medium)
{
    uint32_t begin = (uint32_t)(medium->random() % MEDIUM_TRANSFER_LIMIT);

    for (uint32_t i = 0; i < MEDIUM_TRANSFER_LIMIT; i++) {
        struct medium_transfer *transfer = &medium->transfers[(begin + i) % MEDIUM_TRANSFER_LIMIT];

        if (transfer->used) {
            transfer_step(medium, transfer);
            return 1;
        }
    }
    return 0;
}

void medium_fence(struct medium *medium, uint32_t port)
{
    medium->active[port] = 0;
    for (uint32_t i = 0; i < MEDIUM_TRANSFER_LIMIT; i++) {
        if (medium->transfers[i].port == port && !port_reaches(medium, port)) {
            medium->transfers[i].used = 0;
        }
    }
}

void medium_power_off(struct medium *medium)
{
    printf("P");
    for (uint32_t sector = 0; sector < MEDIUM_SECTOR_COUNT; sector++) {
        printf(" %" PRIu64,
               medium->random() % 2 ? medium->current[sector] : medium->durable[sector]);
    }
    printf("\n");
}
