/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A core's life, its figures and what happens to it beside instructions: see native.h. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "front_end.h"
#include "hierarchy.h"
#include "pipeline.h"
#include "prefetch.h"
#include "scheduler.h"
#include "switching.h"

const struct timing_parameters *timing_core_named(const char *name)
{
    for (uint32_t i = 0; i < TIMING_CORE_COUNT; i++) {
        if (strcmp(timing_cores[i].name, name) == 0) {
            return &timing_cores[i];
        }
    }
    return NULL;
}

const struct timing_parameters *timing_core_at(uint32_t number)
{
    return number < TIMING_CORE_COUNT ? &timing_cores[number] : NULL;
}

struct timing_core *timing_core_open(const struct timing_parameters *parameters)
{
    struct timing_core *core = calloc(1, sizeof *core);
    if (core != NULL) {
        core->parameters = parameters;
    }
    return core;
}

void timing_core_close(struct timing_core *core)
{
    free(core);
}

void timing_core_reset(struct timing_core *core)
{
    memset(&core->state, 0, sizeof core->state);
}

void timing_core_idealize(struct timing_core *core, uint32_t ideals)
{
    core->ideals = ideals;
}

void timing_core_record(struct timing_core *core, struct timing_step *steps, uint32_t limit)
{
    core->recording = (struct recording){.steps = steps, .limit = limit};
}

uint32_t timing_core_recorded(const struct timing_core *core)
{
    return core->recording.count;
}

uint64_t timing_core_cycles(const struct timing_core *core)
{
    return core->state.reorder.retire_cycle;
}

void timing_core_context(struct timing_core *core, uint32_t context)
{
    core->state.context = context % TIMING_CONTEXT_LIMIT;
}

uint32_t timing_core_context_now(const struct timing_core *core)
{
    return core->state.context;
}

void timing_core_statistics(const struct timing_core *core, uint32_t context,
                            struct timing_statistics *statistics)
{
    *statistics = core->state.contexts[context % TIMING_CONTEXT_LIMIT];
}

void *timing_core_state(struct timing_core *core, uint64_t *size_bytes)
{
    *size_bytes = sizeof core->state;
    return &core->state;
}

/* All that was in flight is done; whatever comes next begins after `cycles` more. */
static uint64_t drain(struct timing_core *core, uint64_t cycles, enum timing_cause cause)
{
    struct core_state *state = &core->state;
    uint64_t before = state->reorder.retire_cycle;
    state->reorder.retire_cycle += cycles;
    state->reorder.retired_in_cycle = 0;
    state->contexts[state->context].cycles[cause] += cycles;
    state->resume_cycle = later(state->resume_cycle, state->reorder.retire_cycle);
    state->resume_cause = cause;
    state->stack_moved = false;
    state->front.next_address = NO_ADDRESS;
    state->front.predecode_cycle = later(state->front.predecode_cycle, state->resume_cycle);
    return state->reorder.retire_cycle - before;
}

void timing_core_forget(struct timing_core *core, uint32_t what)
{
    struct core_state *state = &core->state;
    if ((what & TIMING_FORGET_CACHES) != 0) {
        hierarchy_forget_lines(core);
        state->front.line = 0;
    }
    if ((what & TIMING_FORGET_TRANSLATIONS) != 0) {
        hierarchy_flush_all(core);
        state->front.line = 0; /* the code's page is looked up with its line */
    }
    if ((what & TIMING_FORGET_PREDICTORS) != 0) {
        memset(&state->predictor, 0, sizeof state->predictor);
        prefetch_forget(core);
    }
    if ((what & TIMING_FORGET_UOPS) != 0) {
        front_end_flush_uops(core);
    }
}

/*
 * What the processor does by itself to enter a handler. [A] for both: as a software interrupt,
 * whose gate is the same; see INT in tables/system.inc.
 */
#define EXCEPTION_CYCLES 342u
#define INTERRUPT_CYCLES 342u

uint64_t timing_transition(struct timing_core *core, uint32_t transition, uint64_t value)
{
    if (transition != TIMING_TRANSITION_IDLE) { /* in as many pieces as the caller likes */
        core_count_event(core, TIMING_EVENT_TRANSITION);
    }
    switch (transition) {
    case TIMING_TRANSITION_EXCEPTION:
        return drain(core, EXCEPTION_CYCLES, TIMING_CAUSE_TRANSITION);
    case TIMING_TRANSITION_INTERRUPT:
        return drain(core, INTERRUPT_CYCLES, TIMING_CAUSE_TRANSITION);
    case TIMING_TRANSITION_CHARGE:
    case TIMING_TRANSITION_IDLE:
        return drain(core, value, TIMING_CAUSE_TRANSITION);
    case TIMING_TRANSITION_ADDRESS_SPACE:
        core->state.space = value & 0xff;
        core->state.front.line = 0;
        return 0;
    case TIMING_TRANSITION_FLUSH_SPACE:
        hierarchy_flush_space(core, value);
        front_end_flush_uops(core);
        return 0;
    case TIMING_TRANSITION_FLUSH_PAGE:
        if (hierarchy_flush_page(core, value)) {
            front_end_flush_uops(core);
        }
        switching_note_page(core);
        return 0;
    case TIMING_TRANSITION_FLUSH_ALL:
        hierarchy_flush_all(core);
        front_end_flush_uops(core);
        return 0;
    case TIMING_TRANSITION_ROOT:
        switching_apply(core, transition, value);
        return 0;
    default:
        break;
    }
    if (transition > TIMING_TRANSITION_RETURN_FILLING) {
        return 0;
    }
    uint64_t cycles = drain(core, switching_cycles(core, transition), TIMING_CAUSE_TRANSITION);
    switching_apply(core, transition, value);
    return cycles;
}
