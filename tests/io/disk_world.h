/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world of one disk, two servers and one client, which are the guests' own code, and of a
 * command that decides which path operates. disk_faults.c drives it, seed by seed.
 */
#ifndef DISK_WORLD_H
#define DISK_WORLD_H

#include "disk.h"
#include "medium.h"

#define NOBODY 2u
#define CLIENT 3u
#define NEWS_LIMIT 64u
#define REQUEST_COUNT 40u
#define DONE_LIMIT 256u

struct side { /* one I/O partition, and what command knows of it */
    struct disk_server server;
    volatile uint8_t *channel;
    uint8_t alive;
    uint8_t condemned; /* command takes it for dead; it goes on until it is started again */
    uint8_t ready;     /* started, and not condemned */
    uint8_t unanswered; /* the client has not yet said that it has left the path */
    uint8_t event;
    uint32_t accesses_left; /* of shared memory, until it dies; 0: it lives */
};

struct news { /* what the client is told */
    uint32_t path;
    int operates;
};

struct done { /* what the device tells its server */
    uint32_t port;
    uint32_t tag;
    uint32_t status;
};

struct world {
    struct medium medium;
    struct side sides[2];
    struct disk disk;
    struct disk_request requests[REQUEST_COUNT];
    uint32_t submitted;
    uint32_t ended;
    uint8_t client_event;
    uint32_t active; /* the path that operates, as command knows it; NOBODY */
    uint32_t running; /* whose code runs: a path, CLIENT or NOBODY */
    uint32_t event_loss_percent;
    uint32_t lie_percent; /* of what `lied_to` reads of shared memory */
    uint32_t lied_to;
    struct news news[NEWS_LIMIT];
    uint32_t news_begin;
    uint32_t news_count;
    struct done dones[DONE_LIMIT];
    uint32_t done_count;
    uint32_t crashes;
    uint32_t takeovers;
};

extern struct world world;

uint64_t world_random(void);
void world_begin(uint64_t seed);

/* Each does one thing that may happen next. */
void world_submit(void);
void world_client(void);
void world_server(uint32_t path);
void world_device(void);
void world_command(void);

/* Faults. */
void world_crash(uint32_t path, uint32_t accesses);
void world_condemn(uint32_t path);
void world_order(void); /* an operator wants the other path */

#endif
