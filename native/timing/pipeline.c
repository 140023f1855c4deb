/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pipeline, one function a stage: fetch, claim a slot, execute, retire. Every micro-op
 * passes once, in program order, and leaves time stamps behind; what it waits for is known by
 * then, because all that is older has passed. Sources: UICA 4, SOM, FOG.
 */
#include "pipeline.h"

#include <stddef.h>

#include "core.h"
#include "front_end.h"
#include "hierarchy.h"
#include "predictor.h"
#include "prefetch.h"
#include "retirement.h"
#include "scheduler.h"
#include "store_queue.h"
#include "system.h"
#include "x87_stack.h"

/* A copy of the pipeline for runs that leave nothing out and record nothing: half the checks. */
#define STAGE static inline __attribute__((always_inline))

struct run {
    const struct timing_outcome *outcome;
    uint32_t access; /* the next one */
    uint32_t instruction; /* of the block, from 1 */
    uint64_t address;     /* of that instruction */
    /* Of the issue slot that is open: */
    uint32_t slot;
    uint32_t flags;
    uint32_t recorded;
    uint64_t done;
    bool missed; /* it waited for memory */
};

/* The cycle and the slot in which the next micro-op issues. */
STAGE uint32_t claim_slot(struct timing_core *core, uint64_t available)
{
    const struct timing_parameters *parameters = core->parameters;
    struct scheduler *scheduler = &core->state.scheduler;
    struct reorder *reorder = &core->state.reorder;
    uint32_t oldest = reorder->index - parameters->reorder_entries;
    uint64_t cycle = later(available, reorder->retired[oldest % REORDER_LIMIT] + 1);
    cycle = later(cycle, core->state.resume_cycle);
    if (cycle > scheduler->cycle) {
        scheduler_advance(scheduler, cycle);
    } else if (scheduler->slots_used == parameters->issue_width) {
        scheduler_advance(scheduler, scheduler->cycle + 1);
    }
    /* All of a cycle's micro-ops or none: room for a whole group. */
    while (scheduler->slots_used == 0 && scheduler_is_full(scheduler, parameters)) {
        scheduler_advance(scheduler, scheduler->cycle + 1);
    }
    return scheduler->slots_used++;
}

/* Loads and stores hold an entry from issue on; without one there is no issue. */
static inline uint64_t queue_room(const struct timing_core *core, uint32_t flags,
                                  uint64_t available)
{
    const struct timing_parameters *parameters = core->parameters;
    const struct store_queue *queue = &core->state.stores;
    if ((flags & UOP_LOAD) != 0) {
        uint32_t oldest = queue->load_index - parameters->load_entries;
        return later(available, queue->load_released[oldest % LOAD_LIMIT]);
    }
    if ((flags & UOP_STORE_ADDRESS) != 0 && queue->store_index >= parameters->store_entries) {
        uint32_t oldest = queue->store_index - parameters->store_entries;
        return later(available, queue->records[oldest % STORE_LIMIT].commit_cycle);
    }
    return available;
}

static inline uint64_t sources_ready(const struct core_state *state, const struct uop *uop)
{
    const uint64_t *ready = state->ready;
    uint64_t first = later(ready[uop->sources[0]], ready[uop->sources[1]]);
    uint64_t latest = later(first, later(ready[uop->sources[2]], ready[uop->sources[3]]));
    for (uint32_t i = UOP_FEW_SOURCES; i < uop->source_count; i++) {
        latest = later(latest, ready[uop->sources[i]]);
    }
    return latest;
}

static inline void publish(struct core_state *state, const struct uop *uop, uint64_t ready,
                           bool loaded)
{
    state->ready[uop->destinations[0]] = ready;
    state->ready[uop->destinations[1]] = ready;
    for (uint32_t i = UOP_FEW_DESTINATIONS; i < uop->destination_count; i++) {
        state->ready[uop->destinations[i]] = ready;
    }
    state->loaded = (state->loaded & ~uop->destination_bits) | (loaded ? uop->destination_bits : 0);
}

static void record(struct timing_core *core, uint32_t port, uint64_t dispatch, uint64_t done)
{
    struct recording *recording = &core->recording;
    if (recording->count < recording->limit) {
        recording->steps[recording->count++] =
            (struct timing_step){.instruction = recording->instruction,
                                 .port = port,
                                 .issue = core->state.scheduler.cycle,
                                 .dispatch = dispatch,
                                 .done = done};
    }
}

/* Of the micro-ops recorded since `first`. */
static void record_retirement(struct timing_core *core, uint32_t first, uint64_t retired)
{
    for (uint32_t i = first; i < core->recording.count; i++) {
        core->recording.steps[i].retire = retired;
    }
}

/* Those of instructions that an earlier call ran, or whose micro-ops did not ask for them. */
static inline const struct timing_access *skip_earlier(struct run *run)
{
    const struct timing_outcome *outcome = run->outcome;
    const struct timing_access *access = outcome->accesses + run->access;
    const struct timing_access *end = outcome->accesses + outcome->access_count;
    while (access < end && access->instruction != 0 && access->instruction < run->instruction) {
        access++;
        run->access++;
    }
    return access;
}

static inline const struct timing_access *next_access(struct run *run, bool is_write)
{
    const struct timing_outcome *outcome = run->outcome;
    const struct timing_access *access = skip_earlier(run);
    const struct timing_access *end = outcome->accesses + outcome->access_count;
    if (access < end && (access->is_write != 0) == is_write &&
        access->instruction <= run->instruction) {
        run->access++;
        return access;
    }
    return NULL;
}

/* When an access whose page is found at `ready` has found its lines. */
static inline uint64_t reach_lines(struct timing_core *core, const struct timing_access *access,
                                   uint64_t ready)
{
    uint64_t first = access->machine_address >> LINE_BITS;
    uint64_t last = (access->machine_address + access->size_bytes - 1) >> LINE_BITS;
    uint64_t there = hierarchy_data_line(core, first, ready);
    if (last != first) {
        uint64_t end = access->address + access->size_bytes - 1;
        if (end >> PAGE_BITS != access->address >> PAGE_BITS) {
            ready = hierarchy_data_page(core, end, ready);
        }
        there =
            later(there, hierarchy_data_line(core, last, ready)) + core->parameters->split_cycles;
    }
    return there;
}

static inline uint64_t execute_load(struct timing_core *core, struct run *run,
                                    const struct uop *uop, uint64_t dispatch)
{
    const struct timing_parameters *parameters = core->parameters;
    uint64_t latency = uop->latency_cycles;
    bool fast = (uop->flags & UOP_FAST_ADDRESS) != 0 && latency == parameters->load_cycles &&
                uop->base != SLOT_NONE && (core->state.loaded >> uop->base & 1) != 0;
    latency = fast ? parameters->fast_load_cycles : latency;
    const struct timing_access *access = next_access(run, false);
    uint64_t ready = dispatch;
    if (access != NULL) {
        uint64_t found = hierarchy_data_page(core, access->address, dispatch);
        ready = reach_lines(core, access, found);
        run->missed = run->missed || ready != dispatch;
        if ((uop->flags & UOP_LOCKED) == 0) {
            prefetch_after_load(core, access, run->address, found);
        }
    }
    if ((uop->flags & UOP_LOCKED) != 0) {
        core->state.stores.fence_cycle = ready + parameters->locked_cycles;
        return core->state.stores.fence_cycle - 2; /* then the operation and the store */
    }
    if (access == NULL) {
        return ready + latency;
    }
    uint64_t done = store_queue_forward(core, access, dispatch, ready + latency);
    run->missed = run->missed || done != ready + latency;
    return done;
}

static inline uint64_t load_earliest(const struct timing_core *core, const struct uop *uop,
                                     uint64_t earliest)
{
    const struct store_queue *queue = &core->state.stores;
    earliest = later(earliest, queue->fence_cycle);
    return (uop->flags & UOP_LOCKED) != 0 ? later(earliest, queue->commit_cycle) : earliest;
}

/* Done at rename: nothing to execute, and a copy is ready when its source is. */
STAGE uint64_t rename_only(struct timing_core *core, const struct uop *uop, bool plain)
{
    struct core_state *state = &core->state;
    bool loaded = (uop->flags & UOP_MOVE) != 0 && (state->loaded >> uop->sources[0] & 1) != 0;
    publish(state, uop, sources_ready(state, uop), loaded);
    if (!plain && core->recording.steps != NULL) {
        record(core, NO_PORT, state->scheduler.cycle, state->scheduler.cycle);
    }
    return state->scheduler.cycle;
}

/* Micro-ops whose result is not a register. */
static inline uint64_t execute_apart(struct timing_core *core, struct run *run, uint32_t flags,
                                     uint64_t dispatch, uint64_t done)
{
    if ((flags & UOP_BRANCH) != 0) {
        core->state.branch_done = done;
        return done;
    }
    if ((flags & UOP_STORE_ADDRESS) != 0) {
        core->state.stores.address_cycle = dispatch;
        return done;
    }
    const struct timing_access *access = next_access(run, true);
    store_queue_data(&core->state.stores, access, dispatch);
    return access != NULL ? hierarchy_data_page(core, access->address, done) : done;
}

/* The most frequent kind. */
static inline uint64_t execute_plain(struct timing_core *core, const struct uop *uop, uint32_t slot)
{
    struct core_state *state = &core->state;
    struct scheduler *scheduler = &state->scheduler;
    uint64_t earliest = later(sources_ready(state, uop),
                              scheduler->cycle + core->parameters->issue_to_dispatch_cycles);
    uint32_t port = scheduler_choose(scheduler, uop, slot);
    uint64_t done = scheduler_execute(scheduler, port, earliest) + uop->latency_cycles;
    publish(state, uop, done, false);
    return done;
}

/* A branch that is taken has one port: SOM figures 2-6 and E-1. */
static inline uint32_t branch_port(const struct timing_core *core, const struct run *run,
                                   uint32_t chosen)
{
    uint32_t ports = core->parameters->taken_branch_ports;
    return run->outcome->branch_taken != 0 && ports != 0 ? (uint32_t)__builtin_ctz(ports) : chosen;
}

/* Returns the cycle in which the micro-op is done. */
STAGE uint64_t execute(struct timing_core *core, struct run *run, const struct uop *uop, bool plain)
{
    const struct timing_parameters *parameters = core->parameters;
    struct scheduler *scheduler = &core->state.scheduler;
    uint32_t flags = uop->flags;
    if (plain && (flags & UOP_PLAIN) != 0) {
        return execute_plain(core, uop, run->slot);
    }
    if ((flags & UOP_NOT_EXECUTED) != 0) {
        return rename_only(core, uop, plain);
    }
    bool waits = plain || (core->ideals & TIMING_IDEAL_DEPENDENCIES) == 0;
    uint64_t ready = waits ? sources_ready(&core->state, uop) : 0;
    uint32_t port = scheduler_choose(scheduler, uop, run->slot);
    uint64_t earliest = later(ready, scheduler->cycle + parameters->issue_to_dispatch_cycles);
    if ((flags & UOP_BRANCH) != 0) {
        port = branch_port(core, run, port);
    }
    if ((flags & UOP_LOAD) != 0) {
        earliest = load_earliest(core, uop, earliest);
    }
    if (uop->divider_cycles != 0) {
        earliest = later(earliest, scheduler->divider_free[port_bank(port)]);
    }
    bool competes = plain || (core->ideals & TIMING_IDEAL_PORTS) == 0;
    uint64_t dispatch = competes ? scheduler_execute(scheduler, port, earliest) : earliest;
    if (uop->divider_cycles != 0) {
        scheduler->divider_free[port_bank(port)] = dispatch + uop->divider_cycles;
    }
    bool is_load = (flags & UOP_LOAD) != 0;
    uint64_t done =
        is_load ? execute_load(core, run, uop, dispatch) : dispatch + uop->latency_cycles;
    if ((flags & (UOP_STORE_ADDRESS | UOP_STORE_DATA | UOP_BRANCH)) != 0) {
        done = execute_apart(core, run, flags, dispatch, done);
    }
    publish(&core->state, uop, done, is_load);
    if (!plain && core->recording.steps != NULL) {
        record(core, port, dispatch, done);
    }
    return done;
}

/* The stack engine's offset is added to the register: one micro-op more. FOG 9.8 */
static void synchronize_stack(struct timing_core *core, uint64_t available)
{
    struct core_state *state = &core->state;
    struct scheduler *scheduler = &state->scheduler;
    uint32_t slot = claim_slot(core, available);
    uint32_t port = scheduler_choose(scheduler, &core->parameters->synchronize, slot);
    uint64_t earliest = later(state->ready[SLOT_STACK_POINTER],
                              scheduler->cycle + core->parameters->issue_to_dispatch_cycles);
    uint64_t done = scheduler_execute(scheduler, port, earliest) + 1;
    state->ready[SLOT_STACK_POINTER] = done;
    (void)retire(core, done, false);
}

static void track_stack(struct timing_core *core, const struct instruction *instruction,
                        uint64_t available)
{
    uint32_t flags = instruction->flags;
    if (core->state.stack_moved && (flags & INSTRUCTION_STACK_READ) != 0) {
        synchronize_stack(core, available);
        core->state.stack_moved = false;
    }
    if ((flags & INSTRUCTION_STACK_WRITE) != 0) {
        core->state.stack_moved = false;
    } else if ((flags & INSTRUCTION_STACK) != 0) {
        core->state.stack_moved = true;
    }
}

/* What shares an issue slot retires together. */
STAGE void close_slot(struct timing_core *core, struct run *run, bool plain)
{
    struct store_queue *queue = &core->state.stores;
    uint64_t retired = retire(core, run->done + 1, run->missed);
    if ((run->flags & (UOP_LOAD | UOP_STORE_DATA)) != 0) {
        if ((run->flags & UOP_LOAD) != 0) {
            queue->load_released[queue->load_index++ % LOAD_LIMIT] = retired;
        }
        if ((run->flags & UOP_STORE_DATA) != 0) {
            store_queue_retire(core, retired);
        }
    }
    if (!plain && core->recording.steps != NULL) {
        record_retirement(core, run->recorded, retired);
    }
}

static inline void open_slot(struct timing_core *core, struct run *run, const struct uop *uop,
                             uint64_t available)
{
    run->missed = false;
    run->flags = 0;
    run->done = 0;
    run->recorded = core->recording.count;
    run->slot = claim_slot(core, queue_room(core, uop->flags, available));
}

/* Issues, executes and retires the micro-ops of one instruction. */
STAGE void run_uops(struct timing_core *core, struct run *run, const struct timing_code *code,
                    const struct instruction *instruction, uint64_t available, bool plain)
{
    const struct uop *uop = code->uops + instruction->first_uop;
    const struct uop *end = uop + instruction->uop_count;
    for (const struct uop *first = uop; uop < end; uop++) {
        if ((uop->flags & UOP_FUSED) == 0) {
            if (uop != first) {
                close_slot(core, run, plain);
            }
            open_slot(core, run, uop, available);
        }
        uint64_t done = execute(core, run, uop, plain);
        run->done = later(run->done, done);
        run->flags |= uop->flags;
    }
    if (instruction->uop_count != 0) {
        close_slot(core, run, plain);
    }
}

/*
 * The accesses of an instruction that has no micro-ops for them, one a line: when the last line
 * is there. What they cost when all lines are there is in the instruction's row.
 */
static uint64_t reach_image(struct timing_core *core, struct run *run, uint64_t cycle)
{
    const struct timing_outcome *outcome = run->outcome;
    uint64_t done = cycle;
    (void)skip_earlier(run);
    for (; run->access < outcome->access_count; run->access++) {
        const struct timing_access *access = &outcome->accesses[run->access];
        if (access->instruction == 0 || access->instruction > run->instruction) {
            break;
        }
        uint64_t ready = hierarchy_data_page(core, access->address, cycle);
        uint64_t last = (access->machine_address + access->size_bytes - 1) >> LINE_BITS;
        for (uint64_t line = access->machine_address >> LINE_BITS; line <= last; line++) {
            uint64_t there = access->is_write != 0 ? hierarchy_store_line(core, line, ready)
                                                   : hierarchy_data_line(core, line, ready);
            done = later(done, there);
        }
    }
    return done;
}

/* What a table of costs says instead of ports: see tables/system.inc. */
static void run_system(struct timing_core *core, struct run *run,
                       const struct instruction *instruction, uint64_t available)
{
    const struct system_row *row = &system_rows[instruction->system - 1];
    struct core_state *state = &core->state;
    uint64_t start = later(available, state->scheduler.cycle);
    if ((row->effects & SYSTEM_DRAINS) != 0) {
        start = later(start, state->reorder.retire_cycle + 1);
    }
    if ((row->effects & SYSTEM_DRAINS_STORES) != 0) {
        start = later(start, later(state->stores.commit_cycle, state->stores.fence_cycle));
    }
    uint64_t done = reach_image(core, run, start) + row->cycles[core->parameters->column];
    if ((row->effects & SYSTEM_ORDERS_LOADS) != 0) {
        state->stores.fence_cycle = later(state->stores.fence_cycle, done);
        (void)retire(core, done, true); /* and nothing behind it retires before */
    } else {
        state->resume_cycle = later(state->resume_cycle, done);
        state->resume_cause = TIMING_CAUSE_TRANSITION;
    }
}

/*
 * The further elements of a repeated string instruction, one access of each kind a cycle: all
 * accesses that are left are its own, since nothing follows it in its block.
 */
static void run_repeated(struct timing_core *core, struct run *run)
{
    const struct timing_outcome *outcome = run->outcome;
    struct core_state *state = &core->state;
    uint64_t start = state->scheduler.cycle + core->parameters->repeat_cycles;
    uint64_t done = start;
    uint64_t counts[2] = {0, 0}; /* of loads and of stores */
    (void)skip_earlier(run);
    for (; run->access < outcome->access_count; run->access++) {
        const struct timing_access *access = &outcome->accesses[run->access];
        uint64_t cycle = start + counts[access->is_write != 0]++;
        uint64_t found = hierarchy_data_page(core, access->address, cycle);
        uint64_t ready =
            access->is_write != 0
                ? hierarchy_store_line(core, access->machine_address >> LINE_BITS, found)
                : reach_lines(core, access, found);
        run->missed = run->missed || ready != cycle;
        done = later(later(done, ready), cycle + 1);
    }
    (void)retire(core, done, run->missed);
    state->resume_cycle = later(state->resume_cycle, done);
    state->resume_cause = TIMING_CAUSE_CORE;
}

static enum prediction predict(struct timing_core *core, uint32_t flags, uint64_t address,
                               const struct timing_outcome *outcome, uint64_t next)
{
    if ((flags & INSTRUCTION_CONDITIONAL) != 0) {
        return predictor_conditional(core, address, outcome->branch_taken != 0, outcome->target);
    }
    if ((flags & INSTRUCTION_RETURN) != 0) {
        return predictor_return(core, outcome->target);
    }
    if ((flags & INSTRUCTION_CALL) != 0) {
        predictor_call(core, next);
    }
    if ((flags & INSTRUCTION_INDIRECT) != 0) {
        return predictor_indirect(core, address, outcome->target);
    }
    return predictor_direct(core, address, outcome->target);
}

/* The block's last instruction decides where the front end goes on, and when. */
static void run_branch(struct timing_core *core, const struct instruction *instruction,
                       const struct timing_outcome *outcome, uint64_t next)
{
    struct core_state *state = &core->state;
    uint64_t address = next - instruction->size_bytes;
    core_count_event(core, TIMING_EVENT_BRANCH);
    enum prediction found = predict(core, instruction->flags, address, outcome, next);
    uint64_t restart = 0;
    if (found == PREDICTION_WRONG) {
        core_count_event(core, TIMING_EVENT_MISPREDICT);
        restart = state->branch_done + core->parameters->mispredict_cycles -
                  core->parameters->issue_to_dispatch_cycles;
        state->resume_cycle = later(state->resume_cycle, restart);
        state->resume_cause = TIMING_CAUSE_SPECULATION;
        restart -= 3; /* from there the front end takes so long by itself */
    } else if (found == PREDICTION_LATE) {
        core_count_event(core, TIMING_EVENT_RESTEER);
        restart = state->front.decode_cycle + core->parameters->resteer_cycles;
    }
    bool taken = outcome->branch_taken != 0;
    state->front.next_address = taken ? outcome->target : next;
    if (taken && found == PREDICTION_RIGHT) {
        front_end_follow(core, address, outcome->target);
    } else if (taken || found == PREDICTION_WRONG) {
        front_end_redirect(core, state->front.next_address, restart);
    }
}

/* What few instructions are. */
#define PARTICULAR                                                                                 \
    (INSTRUCTION_STACK | INSTRUCTION_STACK_READ | INSTRUCTION_STACK_WRITE | INSTRUCTION_SYSTEM |   \
     INSTRUCTION_REPEATED)

STAGE void run_instruction(struct timing_core *core, struct run *run,
                           const struct timing_code *code, const struct instruction *instruction,
                           uint64_t offset, bool plain)
{
    const struct timing_outcome *outcome = run->outcome;
    uint64_t available = 0;
    run->address = outcome->address + offset;
    if (plain || (core->ideals & TIMING_IDEAL_FRONT_END) == 0) {
        available =
            front_end_fetch(core, instruction, run->address, outcome->machine_address + offset);
    }
    bool particular = (instruction->flags & PARTICULAR) != 0;
    if (particular) {
        track_stack(core, instruction, available);
        if (instruction->system != 0) {
            run_system(core, run, instruction, available);
        }
    }
    run_uops(core, run, code, instruction, available, plain);
    if (particular && (instruction->flags & INSTRUCTION_REPEATED) != 0) {
        run_repeated(core, run);
    }
    front_end_note_issue(&core->state.front, core->state.scheduler.cycle,
                         instruction->decoded_uops);
}

static void count_block(struct timing_core *core, const struct timing_code *code,
                        const struct timing_outcome *outcome, uint32_t first_slot)
{
    uint32_t first = outcome->first_instruction;
    uint32_t end = outcome->executed_count;
    struct timing_statistics *statistics = &core->state.contexts[core->state.context];
    statistics->events[TIMING_EVENT_INSTRUCTION] += end - first;
    statistics->events[TIMING_EVENT_UOP] += core->state.reorder.index - first_slot;
    if (end - first == code->instruction_count) {
        statistics->events[TIMING_EVENT_UNKNOWN_INSTRUCTION] += code->unknown_count;
        statistics->events[TIMING_EVENT_LOAD] += code->load_count;
        statistics->events[TIMING_EVENT_STORE] += code->store_count;
        return;
    }
    for (uint32_t i = first; i < end; i++) {
        const struct instruction *instruction = &code->instructions[i];
        statistics->events[TIMING_EVENT_UNKNOWN_INSTRUCTION] +=
            (instruction->flags & INSTRUCTION_UNKNOWN) != 0;
        statistics->events[TIMING_EVENT_LOAD] += instruction->load_count;
        statistics->events[TIMING_EVENT_STORE] += instruction->store_count;
    }
}

/* Returns how many bytes of code the executed instructions take. */
STAGE uint64_t run_instructions(struct timing_core *core, struct run *run,
                                const struct timing_code *code, uint64_t offset, bool plain)
{
    const struct instruction *instruction = code->instructions + run->outcome->first_instruction;
    const struct instruction *end = code->instructions + run->outcome->executed_count;
    for (; instruction < end; instruction++) {
        run->instruction++;
        run_instruction(core, run, code, instruction, offset, plain);
        offset += instruction->size_bytes;
        if (!plain) {
            core->recording.instruction++;
        }
    }
    return offset;
}

uint64_t timing_execute(struct timing_core *core, const struct timing_code *code,
                        const struct timing_outcome *outcome)
{
    struct core_state *state = &core->state;
    uint64_t before = state->reorder.retire_cycle;
    uint32_t first_slot = state->reorder.index;
    uint32_t executed = outcome->executed_count;
    struct run run = {.outcome = outcome, .instruction = outcome->first_instruction};
    uint64_t begin = timing_code_offset(code, outcome->first_instruction);
    if (outcome->address + begin != state->front.next_address) {
        front_end_redirect(core, outcome->address + begin, state->resume_cycle);
    }
    if (code->turns_x87) {
        x87_turn(state, 0 - x87_turned(code, outcome->first_instruction));
    }
    bool plain = core->ideals == 0 && core->recording.steps == NULL;
    uint64_t size_bytes = plain ? run_instructions(core, &run, code, begin, true)
                                : run_instructions(core, &run, code, begin, false);
    if (code->turns_x87) {
        x87_turn(state, x87_turned(code, executed));
    }
    const struct instruction *last = code->instructions + executed - 1;
    state->front.next_address = outcome->address + size_bytes;
    if (executed == code->instruction_count && executed > 0 &&
        (last->flags & (INSTRUCTION_JUMP | INSTRUCTION_CONDITIONAL)) != 0) {
        run_branch(core, last, outcome, outcome->address + size_bytes);
    }
    count_block(core, code, outcome, first_slot);
    return state->reorder.retire_cycle - before;
}
