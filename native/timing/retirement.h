/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Retirement, in order, and with it the core's clock: what each of its cycles went to. Called by
 * pipeline.c for every issue slot.
 */
#ifndef TIMING_RETIREMENT_H
#define TIMING_RETIREMENT_H

#include "core.h"

/*
 * Of the cycles since the last retirement, one retires. Those before this slot's issue passed
 * with an empty window: nothing came from the front end. Of those after it, what follows such
 * a gap is the pipeline filling again; otherwise something older than the front end was slow.
 */
static inline void retirement_attribute(struct timing_core *core, uint64_t gap, bool missed)
{
    struct core_state *state = &core->state;
    uint64_t *cycles = state->contexts[state->context].cycles;
    cycles[TIMING_CAUSE_RETIRING]++;
    if (gap == 1) {
        return;
    }
    uint64_t issue = state->scheduler.cycle;
    uint64_t previous = state->reorder.retire_cycle;
    uint64_t empty = issue > previous ? issue - previous : 0;
    empty = empty < gap - 1 ? empty : gap - 1;
    uint32_t cause = state->resume_cause != 0 ? state->resume_cause : TIMING_CAUSE_FRONT_END;
    cycles[cause] += empty;
    uint32_t refill = empty > 0 ? cause : TIMING_CAUSE_CORE;
    cycles[missed ? TIMING_CAUSE_MEMORY : refill] += gap - 1 - empty;
    if (issue >= state->resume_cycle) {
        state->resume_cause = 0;
    }
}

/* In order, a few in a cycle. */
static inline uint64_t retire(struct timing_core *core, uint64_t complete, bool missed)
{
    struct reorder *reorder = &core->state.reorder;
    if (complete > reorder->retire_cycle) {
        retirement_attribute(core, complete - reorder->retire_cycle, missed);
        reorder->retire_cycle = complete;
        reorder->retired_in_cycle = 0;
    } else if (reorder->retired_in_cycle == core->parameters->retire_width) {
        retirement_attribute(core, 1, false);
        reorder->retire_cycle++;
        reorder->retired_in_cycle = 0;
    }
    reorder->retired_in_cycle++;
    reorder->retired[reorder->index++ % REORDER_LIMIT] = reorder->retire_cycle;
    return reorder->retire_cycle;
}

#endif
