/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals there and back that move no data: the question what the disk is, which its server
 * answers by itself. What is measured of a channel.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "disk.h"

/* So many questions, at most `depth` of them unanswered: how many were not answered well. */
uint32_t signals_do(struct disk *disk, uint32_t count, uint32_t depth);

#endif
