/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who runs on a processor, by its cyclic map; see schedule.c. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "view_reader.h"

static inline const struct view_processor *schedule_map(const struct processor *processor)
{
    return &monitor_state()->maps[processor->id];
}

/*
 * The map of the generation that the processor has noticed takes the place of its own, if it is
 * another. We are wrong when it does not hold together.
 */
void schedule_map_follow(struct processor *processor);

/*
 * Decides for the calling processor: processor->current is who runs next, its deadline
 * is set. After a kick, records that something outside raised an event for are woken.
 */
void schedule_run(struct processor *processor, bool kicked);

/* A timer of the processor has changed while the same record runs on. */
void schedule_deadline_update(const struct processor *processor);

/* A record of the calling processor has become runnable: it runs at once if the slot is its own. */
void schedule_woken(const struct virtual_processor *record);

#endif
