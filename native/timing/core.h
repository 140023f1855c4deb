/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one physical processor: plain memory without pointers beyond the parameters,
 * so that a snapshot copies it and a hash covers it. Used by the stages; knows no engine.
 */
#ifndef TIMING_CORE_H
#define TIMING_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "code.h"
#include "parameters.h"
#include "slots.h"
#include "timing.h"

#define PORT_LIMIT 8u
#define WINDOW_CYCLES 2048u /* how far ahead of issue an execution is booked */
#define WINDOW_WORDS (WINDOW_CYCLES / 64u)
#define REORDER_LIMIT 256u
#define QUEUE_LIMIT 64u
#define LOAD_LIMIT 128u
#define STORE_LIMIT 64u
#define FORWARD_WORDS 256u

struct front_end {
    uint64_t next_address; /* where the instruction after the last one would be */
    uint64_t block;        /* of 16 bytes, being predecoded */
    uint64_t predecode_cycle;
    uint64_t block_first_cycle;
    uint64_t hidden_cycles; /* of the block before, in which a stall of this one can hide */
    uint64_t decode_cycle;
    uint32_t predecoded; /* instructions in this cycle */
    uint32_t decoders_used;
    uint32_t decoded_uops;
    uint32_t instruction_index;
    uint32_t uop_index;
    uint64_t decoded[QUEUE_LIMIT]; /* when instructions left the instruction queue */
    uint64_t issued[QUEUE_LIMIT];  /* when micro-ops left the micro-op queue */
};

struct scheduler {
    uint64_t cycle;       /* of issue */
    uint64_t pending;     /* a byte a port: issued, not yet executed */
    uint64_t at_start;    /* the same when this cycle began: what the choice of a port sees */
    uint32_t waiting;     /* over all ports */
    uint32_t slots_used;  /* of this cycle */
    uint32_t next_load_port;
    uint64_t divider_free;
    uint64_t lanes[WINDOW_CYCLES]; /* a byte a port: executes in that cycle */
    uint64_t busy[PORT_LIMIT][WINDOW_WORDS];
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
    uint64_t data_cycle;
    uint64_t commit_cycle;
};

struct store_queue {
    uint32_t load_index;
    uint32_t store_index; /* of the next store; a record stands at its remainder */
    uint64_t commit_cycle; /* of the youngest store */
    uint64_t fence_cycle;  /* before it no load may begin */
    uint64_t load_released[LOAD_LIMIT];
    struct store_record records[STORE_LIMIT];
    uint32_t latest[FORWARD_WORDS]; /* by eight-byte words: the youngest store, plus one */
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
    struct recording recording;
    uint32_t ideals;
    struct front_end front;
    struct scheduler scheduler;
    struct reorder reorder;
    struct store_queue stores;
    uint64_t resume_cycle; /* nothing issues before it: a serialising instruction */
    bool stack_moved; /* the front end holds an offset to the stack pointer */
    uint64_t loaded; /* a bit a slot: its value came from a load */
    uint64_t ready[SLOT_COUNT];
};

#endif
