/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A model of a disk with two ports: sectors that are written one by one, a cache that a flush
 * makes durable, a fence. It writes the history of what happened to it. Transfers that are under
 * way when their port is fenced end in the middle.
 */
#ifndef MEDIUM_H
#define MEDIUM_H

#include <stdint.h>

#include "disk_server.h"

#define MEDIUM_SECTOR_COUNT 48u
#define MEDIUM_TRANSFER_LIMIT 64u
#define MEDIUM_TORN UINT64_MAX /* a sector that holds parts of two writes */

/* What a model that is wrong does wrong: the checker has to find it. */
enum medium_mistake {
    MEDIUM_MISTAKE_none = 0,
    MEDIUM_MISTAKE_no_fence = 1,  /* a fenced port still reaches the disk */
    MEDIUM_MISTAKE_no_flush = 2,  /* a flush is answered, and keeps nothing */
    MEDIUM_MISTAKE_early_end = 3, /* a write is answered before it is done */
    MEDIUM_MISTAKE_lost_write = 4 /* now and then a write is answered and not done */
};

struct medium_transfer {
    uint8_t used;
    uint8_t ended; /* its server has been told */
    uint32_t port;
    uint32_t tag;
    uint32_t done_sectors;
    volatile uint8_t *payload;
    struct disk_transfer transfer;
};

struct medium {
    enum medium_mistake mistake;
    uint32_t error_percent;
    uint8_t active[2];
    uint64_t current[MEDIUM_SECTOR_COUNT];
    uint64_t durable[MEDIUM_SECTOR_COUNT];
    struct medium_transfer transfers[MEDIUM_TRANSFER_LIMIT];
    uint64_t (*random)(void);
    void (*complete)(uint32_t port, uint32_t tag, uint32_t status);
};

void medium_reset(struct medium *medium);

/* 0: no room. `channel` is what payload offsets count from. */
int medium_begin(struct medium *medium, uint32_t port, uint32_t tag, volatile uint8_t *channel,
                 const struct disk_transfer *transfer);

/* One step of one transfer; 0 when there is none. */
int medium_step(struct medium *medium);

/* The port's transfers are no more. */
void medium_fence(struct medium *medium, uint32_t port);

/* The host dies: of what was not flushed, each sector keeps its old or its new content. */
void medium_power_off(struct medium *medium);

/* A sector's content is one number, repeated. */
void sector_fill(volatile uint8_t *bytes, uint64_t value);
uint64_t sector_value(const volatile uint8_t *bytes);

#endif
