/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest does that means harm: garbage in what it shares, and hands on frames of others.
 */
#ifndef INTRUDER_H
#define INTRUDER_H

#include "channel_map.h"

/* Fills a channel with what is nothing, and says that there is news. */
void garbage_write(const struct channel_place *place, uint64_t seed);

/* Tries to map each of so many machine frames; returns how many were not refused. */
uint64_t frames_try(uint64_t first, uint64_t count);

#endif
