/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A context of either width for a second virtual processor; see context_64.c and its sibling. */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "hostile.h"

/* Starts virtual processor 1 with nothing wrong but perhaps its root: what the monitor says. */
int64_t context_try(uint64_t root_frame);

#endif
