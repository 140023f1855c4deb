/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-shot timers and the guest-visible clock; see timer.c. */
#ifndef TIMER_H
#define TIMER_H

#include "state.h"

/* Fires what is due on the processor with that map; returns the earliest deadline that is left. */
uint64_t timers_expire(const struct view_processor *map, uint64_t now);

/* The earliest deadline, which may have passed; fires nothing. */
static inline uint64_t timers_next(const struct view_processor *map)
{
    return timers_expire(map, 0);
}

#endif
