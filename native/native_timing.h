/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Python may call of the cycle-level cores, on their own: native/timing; a part of
 * native.h. A decoder turns a block of code into micro-ops, once; a core runs decoded blocks in
 * the order in which they were executed, and keeps everything that a real one keeps from block
 * to block. Time is in whole cycles.
 */
#ifndef NATIVE_TIMING_H
#define NATIVE_TIMING_H

#ifndef ABI_CDEF
#include <stdint.h>
#endif

struct timing_parameters;
struct timing_decoder;
struct timing_code;
struct timing_core;

/* NULL: there is no core of that name, or of that number. */
const struct timing_parameters *timing_core_named(const char *name);
const struct timing_parameters *timing_core_at(uint32_t number);

/* NULL: no memory. A decoder belongs to one core's tables; blocks may be decoded ahead. */
struct timing_decoder *timing_decoder_open(const struct timing_parameters *parameters);
void timing_decoder_close(struct timing_decoder *decoder);
struct timing_code *timing_decode(struct timing_decoder *decoder, const uint8_t *bytes,
                                  uint32_t size_bytes, uint64_t address, uint32_t width_bits);
void timing_code_free(struct timing_code *code);
uint32_t timing_code_instruction_count(const struct timing_code *code);
/* Instructions timed by the default, for want of an entry. */
uint32_t timing_code_unknown_count(const struct timing_code *code);

/* What an instruction waits for and what it makes, as bits of enum slot in native/timing. */
void timing_code_effects(const struct timing_code *code, uint32_t instruction, uint64_t *sources,
                         uint64_t *destinations);

/* The rows of tables/system.inc: 0, or 1 and the row. */
struct timing_cost {
    const char *name;
    const char *source;
    uint32_t cycles;
    uint32_t assumed; /* 1: a parameter for want of a measurement */
};
int timing_cost_row(const struct timing_parameters *parameters, uint32_t row,
                    struct timing_cost *cost);

/* One access of a block, in program order: an instruction's loads before its stores. */
struct timing_access {
    uint64_t address; /* virtual */
    uint64_t machine_address; /* physical */
    uint32_t size_bytes;
    uint16_t is_write;
    uint16_t instruction; /* of the block, from 1; 0: the first that has such an access */
};

/* What became of a block. */
struct timing_outcome {
    const struct timing_access *accesses;
    uint32_t access_count;
    uint32_t executed_count; /* instructions; fewer than the block has after a trap */
    uint32_t branch_taken;
    uint32_t first_instruction; /* those before it were executed by an earlier call */
    uint64_t address; /* where the block ran, and where its bytes lie */
    uint64_t machine_address;
    uint64_t target; /* of a branch taken */
};

/* What is left out, to see what bounds a block. */
enum timing_ideal {
    TIMING_IDEAL_FRONT_END = 1,
    TIMING_IDEAL_PORTS = 2,
    TIMING_IDEAL_DEPENDENCIES = 4,
    TIMING_IDEAL_CODE = 8 /* code is always in the first cache */
};

/* Where cycles went: of each cycle one part, so that the parts add up. */
enum timing_cause {
    TIMING_CAUSE_RETIRING = 0,
    TIMING_CAUSE_FRONT_END = 1,
    TIMING_CAUSE_SPECULATION = 2, /* after a branch that was predicted wrongly */
    TIMING_CAUSE_CORE = 3, /* waiting for results and ports */
    TIMING_CAUSE_MEMORY = 4,
    TIMING_CAUSE_TRANSITION = 5, /* serialising instructions, exceptions, interrupts */
    TIMING_CAUSE_COUNT = 6
};

enum timing_event {
    TIMING_EVENT_INSTRUCTION = 0,
    TIMING_EVENT_UOP = 1, /* issue slots */
    TIMING_EVENT_UNKNOWN_INSTRUCTION = 2,
    TIMING_EVENT_LOAD = 3,
    TIMING_EVENT_STORE = 4,
    TIMING_EVENT_FORWARD = 5, /* a load served by a store that was not yet in the cache */
    TIMING_EVENT_BLOCKED_FORWARD = 6, /* a load that had to wait for such a store */
    TIMING_EVENT_DATA_CACHE_MISS = 7,
    TIMING_EVENT_SECOND_CACHE_MISS = 8,
    TIMING_EVENT_SHARED_CACHE_MISS = 9, /* prefetches too */
    TIMING_EVENT_CODE_CACHE_MISS = 10,
    TIMING_EVENT_DATA_TLB_MISS = 11,
    TIMING_EVENT_CODE_TLB_MISS = 12,
    TIMING_EVENT_PAGE_WALK = 13,
    TIMING_EVENT_BRANCH = 14,
    TIMING_EVENT_MISPREDICT = 15,
    TIMING_EVENT_RESTEER = 16,
    TIMING_EVENT_UOP_CACHE_HIT = 17, /* windows of 32 or 64 bytes of code */
    TIMING_EVENT_UOP_CACHE_MISS = 18,
    TIMING_EVENT_TRANSITION = 19,
    TIMING_EVENT_COHERENCE = 20, /* a line that another processor had */
    TIMING_EVENT_PREFETCH = 21, /* a line that the first cache asked for ahead */
    TIMING_EVENT_COUNT = 22
};

struct timing_statistics {
    uint64_t cycles[6]; /* by enum timing_cause */
    uint64_t events[22]; /* by enum timing_event */
};

/* What happens to a processor without an instruction, or beside one. */
enum timing_transition {
    TIMING_TRANSITION_EXCEPTION = 0,
    TIMING_TRANSITION_INTERRUPT = 1,
    TIMING_TRANSITION_CHARGE = 2, /* value: cycles of a path that nobody executed */
    TIMING_TRANSITION_ADDRESS_SPACE = 3, /* value: the tag of the one that is now in force */
    TIMING_TRANSITION_FLUSH_SPACE = 4, /* value: the tag whose translations are dropped */
    TIMING_TRANSITION_FLUSH_PAGE = 5, /* value: the virtual address */
    TIMING_TRANSITION_FLUSH_ALL = 6,
    TIMING_TRANSITION_IDLE = 7,          /* value: cycles in which nothing ran */
    /* Those of a model; a root is its machine address, owner << 1, and 1 if the monitor's. */
    TIMING_TRANSITION_ROOT = 8,          /* value: the root that an instruction has loaded */
    TIMING_TRANSITION_ENTRY_ROOT = 9,    /* value: the root, loaded without an instruction */
    TIMING_TRANSITION_EXIT_ROOT = 10,    /* the same */
    TIMING_TRANSITION_ENTRY_RESTRICTION = 11,
    TIMING_TRANSITION_EXIT_RESTRICTION = 12,
    TIMING_TRANSITION_BUFFER_CLEARING = 13,
    TIMING_TRANSITION_TARGET_BARRIER = 14,
    TIMING_TRANSITION_DATA_CACHE_FLUSH = 15,
    TIMING_TRANSITION_RETURN_FILLING = 16
};

#define TIMING_CONTEXT_LIMIT 512

/* One micro-op on its way. */
struct timing_step {
    uint32_t instruction; /* counted from the first one recorded */
    uint32_t port; /* 255: none */
    uint64_t issue, dispatch, done, retire;
};

struct timing_core *timing_core_open(const struct timing_parameters *parameters);
void timing_core_close(struct timing_core *core);
void timing_core_reset(struct timing_core *core);
void timing_core_idealize(struct timing_core *core, uint32_t ideals);
/*
 * Bits of enum machine_model; where the monitor lies, whose pages are global and whose indirect
 * branches are not predicted.
 */
void timing_core_model(struct timing_core *core, uint32_t model, uint64_t monitor_address,
                       uint64_t monitor_size_bytes);
/* Of the last root loaded that had an owner; 0: none. */
uint32_t timing_core_owner(const struct timing_core *core);
/* An owner's tables have changed: its spaces with tags are dropped when they are loaded again. */
void timing_core_stale(struct timing_core *core, uint32_t owner, uint32_t in_force_too);
/* Cycles by which the core's clock, the retirement of its last instruction, moved on. */
uint64_t timing_execute(struct timing_core *core, const struct timing_code *code,
                        const struct timing_outcome *outcome);
uint64_t timing_core_cycles(const struct timing_core *core);
/* For benchmarks: the same block again and again. */
void timing_repeat(struct timing_core *core, const struct timing_code *code,
                   const struct timing_outcome *outcome, uint64_t times);
/* To whom cycles and events go from now on: a number below TIMING_CONTEXT_LIMIT. */
void timing_core_context(struct timing_core *core, uint32_t context);
uint32_t timing_core_context_now(const struct timing_core *core);
void timing_core_statistics(const struct timing_core *core, uint32_t context,
                            struct timing_statistics *statistics);
/* Returns cycles, as timing_execute does. */
uint64_t timing_transition(struct timing_core *core, uint32_t transition, uint64_t value);
void timing_core_forget(struct timing_core *core, uint32_t what); /* enum timing_forget */
/* All that a snapshot has to keep and a hash to cover: plain memory, of a fixed size. */
void *timing_core_state(struct timing_core *core, uint64_t *size_bytes);

/* The last cache, shared by the processors of a host; it must outlive them. */
struct timing_shared;
struct timing_shared *timing_shared_open(const struct timing_parameters *parameters);
void timing_shared_close(struct timing_shared *shared);
/* At most eight processors; NATIVE_LIMIT, or 0. */
int timing_shared_attach(struct timing_shared *shared, struct timing_core *core);
void *timing_shared_state(struct timing_shared *shared, uint64_t *size_bytes);

/* Until it is called again with NULL, micro-ops are recorded; the caller keeps the memory. */
void timing_core_record(struct timing_core *core, struct timing_step *steps, uint32_t limit);
uint32_t timing_core_recorded(const struct timing_core *core);

/* A block in unrolled copies, one after the other. */
struct timing_block_run {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t width_bits;
    uint64_t address;
    uint32_t warm_copies; /* before the measured ones */
    uint32_t copies;
    const struct timing_access *accesses; /* NULL: no two accesses meet */
    const uint32_t *access_ends; /* for each copy, where its accesses end */
    struct timing_step *steps; /* NULL, or where the first measured ones are recorded */
    uint32_t step_limit;
    uint32_t ideals;
};

struct timing_measurement {
    uint64_t cycles; /* of all measured copies */
    uint32_t instruction_count;
    uint32_t unknown_count;
    uint32_t step_count;
    uint32_t reserved;
};

/* NATIVE_NO_MEMORY, or 0. */
int timing_measure(const struct timing_parameters *parameters, struct timing_decoder *decoder,
                   const struct timing_block_run *run, struct timing_measurement *measurement);

#endif
