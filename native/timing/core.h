/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one physical processor. What a snapshot keeps and a hash covers is plain memory
 * without pointers: struct core_state. Used by the stages; knows no engine.
 */
#ifndef TIMING_CORE_H
#define TIMING_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "code.h"
#include "parameters.h"
#include "slots.h"
#include "timing.h"

#define PORT_LIMIT 16u
#define PORT_BANKS 2u     /* of eight ports: a word of counts each */
#define FIRST_DATA_PORT 14u /* from here on nothing waits in a scheduler of its own */
#define WINDOW_CYCLES 2048u /* how far ahead of issue an execution is booked */
#define WINDOW_WORDS (WINDOW_CYCLES / 64u)
#define REORDER_LIMIT 512u
#define QUEUE_LIMIT 64u
#define LOAD_LIMIT 256u
#define STORE_LIMIT 64u
#define FORWARD_WORDS 256u
#define UOP_CACHE_LIMIT 768u
#define CODE_CACHE_LIMIT 512u
#define DATA_CACHE_LIMIT 512u
#define SECOND_CACHE_LIMIT 16384u
#define CODE_TLB_LIMIT 128u
#define DATA_TLB_LIMIT 72u
#define SECOND_TLB_LIMIT 3072u
#define FILL_LIMIT 32u
#define WALKER_LIMIT 8u
#define REGION_LIMIT 32u
#define STREAM_LIMIT 16u
#define RECENT_LIMIT 16u
#define STRIDE_LIMIT 24u  /* see prefetch.h for the source */
#define STRIDE_PLACES ((1u << (STRIDE_LIMIT + 1)) - 2) /* a bit each; 0 is none */
#define BIMODAL_LIMIT 8192u
#define TAGGED_TABLES 4u
#define TAGGED_LIMIT 1024u
#define TARGET_LIMIT 4096u
#define INDIRECT_LIMIT 512u
#define RETURN_LIMIT 32u
#define SPACE_LIMIT 64u    /* tags of address spaces: 1 and up; 0 where there are none */
#define GLOBAL_SPACE 0xffu /* the tag of what is in all of them */
#define MODEL_COST_LIMIT 8u

struct front_end {
    uint64_t next_address; /* where the instruction after the last one would be */
    uint64_t block;        /* of code, being predecoded: its address */
    uint64_t predecode_cycle;
    uint64_t block_first_cycle;
    uint64_t hidden_cycles; /* of the block before, in which a stall of this one can hide */
    uint64_t decode_cycle;
    uint64_t window; /* of code, as a tag of the micro-op cache */
    uint32_t window_uops;
    uint32_t from_cache; /* the window comes from the micro-op cache */
    uint64_t line;       /* of code, fetched last, plus one */
    uint32_t predecoded; /* instructions in this cycle */
    uint32_t decoders_used;
    uint32_t decoded_uops;
    uint32_t instruction_index;
    uint32_t uop_index;
    uint32_t loop_start;  /* in uop_index: where the round that runs began */
    uint64_t loop_target; /* of the last branch backwards */
    uint32_t loop_uops;   /* of a round */
    uint32_t loop_rounds; /* alike, one after the other */
    uint64_t decoded[QUEUE_LIMIT]; /* when instructions left the instruction queue */
    uint64_t issued[QUEUE_LIMIT];  /* when micro-ops left the micro-op queue */
    struct cache_entry uop_cache[UOP_CACHE_LIMIT]; /* ready_cycle holds lines of micro-ops */
};

struct scheduler {
    uint64_t cycle;       /* of issue */
    uint64_t pending[PORT_BANKS];  /* a byte a port: issued, not yet executed */
    uint64_t at_start; /* of the first bank, when this cycle began: what the choice sees */
    uint32_t waiting[PORT_BANKS];  /* over a bank's ports */
    uint32_t slots_used;  /* of this cycle */
    uint32_t next_load_port;
    uint64_t divider_free[PORT_BANKS];
    uint64_t lanes[PORT_BANKS][WINDOW_CYCLES]; /* a byte a port: executes in that cycle */
    uint64_t busy[WINDOW_WORDS][PORT_LIMIT];
};

struct reorder {
    uint64_t retire_cycle;
    uint32_t retired_in_cycle;
    uint32_t index;
    uint64_t retired[REORDER_LIMIT];
};

struct store_record {
    uint64_t first; /* machine addresses */
    uint64_t last;
    uint64_t address; /* virtual, of the first byte */
    uint64_t data_cycle; /* address and data are known */
    uint64_t commit_cycle;
};

struct store_queue {
    uint32_t load_index;
    uint32_t store_index; /* of the next store; a record stands at its remainder */
    uint64_t commit_cycle; /* of the youngest store */
    uint64_t address_cycle; /* when the address of the store being executed was known */
    uint64_t fence_cycle;  /* before it no load may begin */
    uint64_t load_released[LOAD_LIMIT];
    struct store_record records[STORE_LIMIT];
    uint32_t latest[FORWARD_WORDS]; /* by eight-byte words: the youngest store, plus one */
};

/* The load before in a page, and the line that the page's loads asked for last, plus one. */
struct recent_load {
    uint64_t address;
    uint64_t asked_line;
};

/* The loads of an instruction. */
struct stride_entry {
    uint64_t address;    /* of the last one, virtual */
    uint64_t asked_line; /* plus one */
    int32_t stride_bytes; /* to it from the one before; 0: none that counts */
    uint8_t confidence;
    uint8_t instruction; /* the low bits of its address */
    uint16_t reserved;
};

struct prefetch_state {
    struct recent_load recent[RECENT_LIMIT];
    struct stride_entry strides[STRIDE_LIMIT + 1]; /* the first stays empty */
    uint8_t places[256]; /* in strides, by an instruction's low bits; 0: none */
    uint32_t used;       /* a bit a place */
    uint32_t reserved;
};

struct memory_state {
    struct cache_entry code_cache[CODE_CACHE_LIMIT];
    struct cache_entry data_cache[DATA_CACHE_LIMIT];
    struct cache_entry second_cache[SECOND_CACHE_LIMIT];
    struct cache_entry code_tlb[CODE_TLB_LIMIT];
    struct cache_entry data_tlb[DATA_TLB_LIMIT];
    struct cache_entry second_tlb[SECOND_TLB_LIMIT];
    uint64_t fill_free[FILL_LIMIT];
    uint64_t walker_free[WALKER_LIMIT];
    uint64_t regions[REGION_LIMIT]; /* of 2 MiB, whose upper tables were walked lately */
    uint64_t stream_line[STREAM_LIMIT];
    uint32_t fill_index;
    uint32_t walker_index;
    struct prefetch_state prefetch;
};

struct tagged_counter {
    uint16_t tag;
    int8_t counter; /* -4 to 3: taken when not negative */
    uint8_t useful;
};

struct branch_target {
    uint64_t address;
    uint64_t target;
};

struct predictor {
    uint64_t history;
    uint32_t returns; /* calls not returned from */
    uint32_t reserved;
    int8_t bimodal[BIMODAL_LIMIT]; /* -2 to 1 */
    struct tagged_counter tagged[TAGGED_TABLES][TAGGED_LIMIT];
    struct branch_target targets[TARGET_LIMIT];
    struct branch_target indirect[INDIRECT_LIMIT];
    uint64_t return_stack[RETURN_LIMIT];
};

/* With MODEL_PCID: which root has which tag. */
struct spaces {
    uint64_t roots[SPACE_LIMIT]; /* as loaded; 0: the tag is free */
    uint64_t used[SPACE_LIMIT];  /* which load was the last one */
    uint64_t loads;
    uint64_t stale; /* a bit a tag: dropped when it is loaded again */
    uint64_t owner; /* of the last root that had one */
};

struct core_state {
    struct front_end front;
    struct scheduler scheduler;
    struct reorder reorder;
    struct store_queue stores;
    uint64_t resume_cycle; /* nothing issues before it */
    uint64_t space;        /* the tag of the address space in force */
    uint64_t loaded;       /* a bit a slot: its value came from a load */
    uint64_t branch_done;  /* when the last branch was executed */
    uint32_t stack_moved;  /* the front end holds an offset to the stack pointer */
    uint32_t resume_cause; /* why there was nothing to issue until then */
    uint32_t context;
    uint32_t reserved;
    uint64_t ready[SLOT_COUNT];
    struct predictor predictor;
    struct memory_state memory;
    struct spaces spaces;
    struct timing_statistics contexts[TIMING_CONTEXT_LIMIT];
};

/* What is being recorded: no part of the state. */
struct recording {
    struct timing_step *steps; /* NULL: nothing */
    uint32_t limit;
    uint32_t count;
    uint32_t instruction;
};

struct timing_core {
    const struct timing_parameters *parameters;
    struct timing_shared *shared; /* NULL: memory behind the second cache */
    struct recording recording;
    uint32_t number; /* among the processors that share */
    uint32_t ideals;
    uint32_t model; /* enum machine_model */
    uint32_t model_costs[MODEL_COST_LIMIT]; /* see switching.c */
    uint64_t global_address; /* pages that are in every space */
    uint64_t global_size_bytes;
    uint64_t unpredicted_address; /* code whose indirect branches are not predicted */
    uint64_t unpredicted_size_bytes;
    struct core_state state;
};

static inline uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The tag of a page's translation. */
static inline uint64_t core_space_of(const struct timing_core *core, uint64_t address)
{
    return address - core->global_address < core->global_size_bytes ? GLOBAL_SPACE
                                                                    : core->state.space;
}

static inline void core_count_event(struct timing_core *core, enum timing_event event)
{
    core->state.contexts[core->state.context].events[event]++;
}

#endif
