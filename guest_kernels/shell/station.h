/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the shell is connected: the media of its control channel, and its host on network 0.
 */
#ifndef STATION_H
#define STATION_H

#include "disk.h"
#include "internet.h"

void station_start(void);
/* Whether there is a control channel, over which media can come. */
int station_is_connected(void);

/* Moves all media; to be called after each event: how much there was to do. */
uint32_t station_poll(void);
/* Waits for an event; called with events masked. Or for one, but not beyond the next tick. */
void station_wait(void);
void station_wait_tick(void);

/* Moves media until it is so; 0: it was not in ten seconds. */
int station_await(int (*is_so)(void));

/* Disk 0; 0: none has come. */
struct disk *station_disk(void);
struct network *station_network(void);

/* Ticks that have passed. */
uint64_t station_ticks(void);

/* The host of this address; 0: there is no network. */
int station_settle(const struct internet_settings *settings);
/* 0: it has no address yet. */
struct internet *station_internet(void);

#endif
