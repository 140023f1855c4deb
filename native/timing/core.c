/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pipeline, one function a stage: see timing.h. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include "front_end.h"
#include "scheduler.h"
#include "store_queue.h"
#include "system.h"
#include "timing.h"

#define NO_PORT 255u

const struct timing_parameters *timing_core_named(const char *name)
{
    for (uint32_t i = 0; i < TIMING_CORE_COUNT; i++) {
        if (strcmp(timing_cores[i].name, name) == 0) {
            return &timing_cores[i];
        }
    }
    return NULL;
}

struct timing_core *timing_core_open(const struct timing_parameters *parameters)
{
    struct timing_core *core = calloc(1, sizeof *core);
    if (core != NULL) {
        core->parameters = parameters;
        timing_core_reset(core);
    }
    return core;
}

void timing_core_close(struct timing_core *core)
{
    free(core);
}

void timing_core_reset(struct timing_core *core)
{
    const struct timing_parameters *parameters = core->parameters;
    memset(core, 0, sizeof *core);
    core->parameters = parameters;
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
    return core->reorder.retire_cycle;
}

/* In order, a few in a cycle. */
static inline uint64_t retire(struct reorder *reorder, const struct timing_parameters *core,
                              uint64_t complete)
{
    if (complete > reorder->retire_cycle) {
        reorder->retire_cycle = complete;
        reorder->retired_in_cycle = 0;
    } else if (reorder->retired_in_cycle == core->retire_width) {
        reorder->retire_cycle++;
        reorder->retired_in_cycle = 0;
    }
    reorder->retired_in_cycle++;
    reorder->retired[reorder->index++ % REORDER_LIMIT] = reorder->retire_cycle;
    return reorder->retire_cycle;
}

/* The cycle and the slot in which the next micro-op issues. */
static inline void claim_slot(struct timing_core *core, uint64_t available)
{
    const struct timing_parameters *parameters = core->parameters;
    struct scheduler *scheduler = &core->scheduler;
    uint32_t oldest = core->reorder.index - parameters->reorder_entries;
    uint64_t cycle = later(available, core->reorder.retired[oldest % REORDER_LIMIT] + 1);
    cycle = later(cycle, core->resume_cycle);
    if (cycle > scheduler->cycle) {
        scheduler_advance(scheduler, cycle);
    } else if (scheduler->slots_used == parameters->issue_width) {
        scheduler_advance(scheduler, scheduler->cycle + 1);
    }
    /* All of a cycle's micro-ops or none: room for a whole group. */
    while (scheduler->slots_used == 0 &&
           scheduler->waiting + parameters->issue_width > parameters->scheduler_entries) {
        scheduler_advance(scheduler, scheduler->cycle + 1);
    }
    scheduler->slots_used++;
}

static inline uint64_t sources_ready(const struct timing_core *core, const struct uop *uop)
{
    uint64_t ready = 0;
    for (uint32_t i = 0; i < uop->source_count; i++) {
        ready = later(ready, core->ready[uop->sources[i]]);
    }
    return ready;
}

static inline void publish(struct timing_core *core, const struct uop *uop, uint64_t ready,
                           bool loaded)
{
    for (uint32_t i = 0; i < uop->destination_count; i++) {
        uint64_t bit = 1ull << uop->destinations[i];
        core->ready[uop->destinations[i]] = ready;
        core->loaded = loaded ? core->loaded | bit : core->loaded & ~bit;
    }
}

static inline void record(struct timing_core *core, uint32_t port, uint64_t dispatch, uint64_t done)
{
    struct recording *recording = &core->recording;
    if (recording->steps != NULL && recording->count < recording->limit) {
        recording->steps[recording->count++] =
            (struct timing_step){.instruction = recording->instruction,
                                 .port = port,
                                 .issue = core->scheduler.cycle,
                                 .dispatch = dispatch,
                                 .done = done};
    }
}

/* Of the micro-ops recorded since `first`. */
static inline void record_retirement(struct timing_core *core, uint32_t first, uint64_t retired)
{
    for (uint32_t i = first; i < core->recording.count; i++) {
        core->recording.steps[i].retire = retired;
    }
}

struct run {
    const struct timing_outcome *outcome;
    uint32_t access; /* the next one */
};

static inline const struct timing_access *next_access(struct run *run, bool is_write)
{
    const struct timing_outcome *outcome = run->outcome;
    if (run->access < outcome->access_count &&
        (outcome->accesses[run->access].is_write != 0) == is_write) {
        return &outcome->accesses[run->access++];
    }
    return NULL;
}

static inline uint64_t execute_load(struct timing_core *core, struct run *run,
                                    const struct uop *uop, uint64_t dispatch)
{
    const struct timing_parameters *parameters = core->parameters;
    uint64_t latency = uop->latency_cycles;
    bool fast = (uop->flags & UOP_FAST_ADDRESS) != 0 && latency == parameters->load_cycles &&
                uop->base != SLOT_NONE && (core->loaded >> uop->base & 1) != 0;
    latency = fast ? parameters->fast_load_cycles : latency;
    const struct timing_access *access = next_access(run, false);
    if ((uop->flags & UOP_LOCKED) != 0) {
        core->stores.fence_cycle = dispatch + parameters->locked_cycles;
        return core->stores.fence_cycle - 2;
    }
    if (access == NULL) {
        return dispatch + latency;
    }
    return store_queue_forward(&core->stores, parameters, access, dispatch, dispatch + latency);
}

/* Returns the cycle in which the micro-op is done. */
static inline uint64_t execute(struct timing_core *core, struct run *run, const struct uop *uop,
                               uint32_t slot)
{
    const struct timing_parameters *parameters = core->parameters;
    struct scheduler *scheduler = &core->scheduler;
    uint64_t ready = (core->ideals & TIMING_IDEAL_DEPENDENCIES) != 0 ? 0 : sources_ready(core, uop);
    if ((uop->flags & UOP_NOT_EXECUTED) != 0) {
        bool moves = (uop->flags & UOP_MOVE) != 0;
        bool loaded = moves && (core->loaded >> uop->sources[0] & 1) != 0;
        publish(core, uop, ready, loaded);
        record(core, NO_PORT, scheduler->cycle, scheduler->cycle);
        return scheduler->cycle;
    }
    uint32_t port = scheduler_choose(scheduler, parameters, uop->ports, slot);
    uint64_t earliest = later(ready, scheduler->cycle + parameters->issue_to_dispatch_cycles);
    if ((uop->flags & UOP_LOAD) != 0) {
        bool locked = (uop->flags & UOP_LOCKED) != 0;
        earliest = later(earliest, core->stores.fence_cycle);
        earliest = locked ? later(earliest, core->stores.commit_cycle) : earliest;
    }
    if (uop->divider_cycles != 0) {
        earliest = later(earliest, scheduler->divider_free);
    }
    uint64_t dispatch = (core->ideals & TIMING_IDEAL_PORTS) != 0
                            ? earliest
                            : scheduler_execute(scheduler, port, earliest);
    if (uop->divider_cycles != 0) {
        scheduler->divider_free = dispatch + uop->divider_cycles;
    }
    bool is_load = (uop->flags & UOP_LOAD) != 0;
    uint64_t done =
        is_load ? execute_load(core, run, uop, dispatch) : dispatch + uop->latency_cycles;
    if ((uop->flags & UOP_STORE_DATA) != 0) {
        store_queue_data(&core->stores, next_access(run, true), dispatch);
    }
    publish(core, uop, done, is_load);
    record(core, port, dispatch, done);
    return done;
}

/* The stack engine's offset is added to the register: one micro-op more. FOG 9.8 */
static inline void synchronize_stack(struct timing_core *core, uint64_t available)
{
    static const struct uop synchronize = {.ports = 0x63,
                                           .latency_cycles = 1,
                                           .source_count = 1,
                                           .destination_count = 1,
                                           .sources = {SLOT_STACK_POINTER},
                                           .destinations = {SLOT_STACK_POINTER}};
    struct run none = {0};
    claim_slot(core, available);
    uint64_t done = execute(core, &none, &synchronize, core->scheduler.slots_used - 1);
    (void)retire(&core->reorder, core->parameters, done);
}

static inline void track_stack(struct timing_core *core, const struct instruction *instruction,
                               uint64_t available)
{
    uint32_t flags = instruction->flags;
    if (core->stack_moved && (flags & INSTRUCTION_STACK_READ) != 0) {
        synchronize_stack(core, available);
        core->stack_moved = false;
    }
    if ((flags & INSTRUCTION_STACK_WRITE) != 0) {
        core->stack_moved = false;
    } else if ((flags & INSTRUCTION_STACK) != 0) {
        core->stack_moved = true;
    }
}

/* Issues, executes and retires the micro-ops of one instruction. */
static inline void run_uops(struct timing_core *core, struct run *run,
                            const struct timing_code *code, const struct instruction *instruction,
                            uint64_t available)
{
    const struct uop *uop = code->uops + instruction->first_uop;
    const struct uop *end = uop + instruction->uop_count;
    while (uop < end) {
        bool pair = uop + 1 < end && (uop[1].flags & UOP_FUSED) != 0;
        claim_slot(core, available);
        uint32_t slot = core->scheduler.slots_used - 1;
        uint32_t recorded = core->recording.count;
        uint64_t done = execute(core, run, uop, slot);
        if (pair) {
            done = later(done, execute(core, run, uop + 1, slot));
            uop++;
        }
        uint64_t retired = retire(&core->reorder, core->parameters, done + 1);
        record_retirement(core, recorded, retired);
        if ((uop->flags & UOP_STORE_DATA) != 0) {
            store_queue_retire(&core->stores, retired);
        } else if ((uop[-(int)pair].flags & UOP_LOAD) != 0) {
            core->stores.load_released[core->stores.load_index++ % LOAD_LIMIT] = retired;
        }
        uop++;
    }
}

/* What a table of costs says instead of ports: see tables/system.inc. */
static void run_system(struct timing_core *core, const struct instruction *instruction,
                       uint64_t available)
{
    const struct system_row *row = &system_rows[instruction->system - 1];
    uint64_t start = later(available, core->scheduler.cycle);
    if ((row->effects & SYSTEM_DRAINS) != 0) {
        start = later(start, core->reorder.retire_cycle + 1);
    }
    if ((row->effects & SYSTEM_DRAINS_STORES) != 0) {
        start = later(start, core->stores.commit_cycle);
    }
    uint64_t done = start + row->cycles[core->parameters->column];
    if ((row->effects & SYSTEM_ORDERS_LOADS) != 0) {
        core->stores.fence_cycle = later(core->stores.fence_cycle, done);
    } else {
        core->resume_cycle = later(core->resume_cycle, done);
    }
}

uint64_t timing_execute(struct timing_core *core, const struct timing_code *code,
                        const struct timing_outcome *outcome)
{
    const struct timing_parameters *parameters = core->parameters;
    uint64_t before = core->reorder.retire_cycle;
    uint64_t address = outcome->address;
    struct run run = {.outcome = outcome};
    if (address != core->front.next_address) {
        front_end_redirect(&core->front, address, core->front.predecode_cycle + 1);
    }
    for (uint32_t i = 0; i < outcome->executed_count; i++) {
        const struct instruction *instruction = &code->instructions[i];
        uint64_t available = (core->ideals & TIMING_IDEAL_FRONT_END) != 0
                                 ? 0
                                 : front_end_fetch(&core->front, parameters, instruction, address);
        if ((instruction->flags &
             (INSTRUCTION_STACK | INSTRUCTION_STACK_READ | INSTRUCTION_STACK_WRITE)) != 0) {
            track_stack(core, instruction, available);
        }
        if (instruction->system != 0) {
            run_system(core, instruction, available);
        }
        run_uops(core, &run, code, instruction, available);
        front_end_note_issue(&core->front, core->scheduler.cycle, instruction->decoded_uops);
        address += instruction->size_bytes;
        core->recording.instruction++;
    }
    core->front.next_address = address;
    return core->reorder.retire_cycle - before;
}
