/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One record per core: every number of the micro-architecture that is not in the derived
 * tables. Filled in parameters.c, each row with its source; read by decoder and core.
 */
#ifndef TIMING_PARAMETERS_H
#define TIMING_PARAMETERS_H

#include <stdbool.h>
#include <stdint.h>

#include "code.h"
#include "form.h"

struct cache_parameters {
    uint32_t sets; /* a power of two */
    uint8_t ways;
    uint16_t cycles; /* from a load's start to its result; for code, the bubble it makes */
};

struct tlb_parameters {
    uint16_t sets; /* a power of two */
    uint8_t ways;
    uint8_t cycles; /* what finding the page here costs, beside the level before */
};

#define LOOP_UNROLLING_LIMIT 6u

/* A loop of at most so many micro-ops is replayed in so many rounds as one. */
struct loop_unrolling {
    uint8_t uops;
    uint8_t rounds;
};

/* Which derived tables a core's column is in; the columns of all families are numbered through. */
enum core_family { FAMILY_INTEL, FAMILY_ZEN };

struct timing_parameters {
    const char *name;
    bool validated; /* measured blocks exist, and docs/accuracy.md has the figures */
    enum core_family family;
    uint8_t column; /* of the tables */

    /* The front end. */
    uint8_t predecode_bytes; /* of code that are looked at in a cycle: a power of two */
    uint8_t predecode_width; /* instructions of such a block in a cycle */
    uint8_t prefix_stall_cycles; /* a length-changing prefix */
    uint8_t instruction_queue_entries;
    uint8_t decoder_count;
    bool last_decoder_fuses; /* it takes an instruction that might be fused with the next */
    uint8_t decode_uops; /* in one cycle, over all decoders */
    uint8_t simple_uops; /* of an instruction that every decoder takes */
    uint8_t complex_uops; /* of one that the first takes; more is microcode */
    uint8_t microcode_uops;
    uint8_t microcode_switch_cycles;
    uint8_t uop_queue_entries;
    uint8_t uop_cache_uops; /* in one cycle */
    uint16_t uop_cache_sets;
    uint8_t uop_cache_ways;
    uint8_t uop_cache_line_uops;
    uint8_t uop_cache_window_bytes; /* what one tag stands for: a power of two */
    uint8_t uop_cache_window_lines; /* of one window, at most */
    uint8_t uop_cache_switch_cycles; /* to the decoders */
    bool follows_in_cycle;  /* micro-ops from the cache before and after a taken branch */
    bool reenters_in_cycle; /* and that in one window */
    bool has_loop_buffer;   /* replays the micro-op queue */
    struct loop_unrolling loop_unrolling[LOOP_UNROLLING_LIMIT];

    /* Rename, reorder, schedule. */
    uint8_t issue_width;
    uint8_t retire_width;
    uint16_t reorder_entries;
    uint16_t scheduler_entries;
    uint16_t vector_scheduler_entries; /* of ports 8 and up, where they wait apart */
    uint16_t load_entries;
    uint16_t store_entries;
    uint8_t issue_to_dispatch_cycles;
    uint8_t mispredict_cycles; /* from the branch's execution to the first new micro-op's issue */
    bool indexed_stays_fused;  /* two-operand read-modify-write with an index */
    bool all_stays_fused;      /* whatever the address */
    bool fuses_all_arithmetic; /* with all branches: AMD's, not Intel's table of them */
    bool false_count_dependency; /* popcnt waits for its destination */
    bool false_scan_dependency;  /* and lzcnt, tzcnt */
    bool eliminates_moves;
    bool eliminates_zero_extension;
    bool balances_ports; /* the emptiest port, not every other time the second */
    uint8_t port_count;
    uint16_t load_ports;
    uint16_t vector_load_ports;
    uint16_t simple_store_ports; /* address without an index */
    uint16_t store_ports;
    uint16_t address_ports;    /* the tables' group of store addresses */
    uint16_t store_data_ports; /* or some of them */
    struct uop synchronize; /* what the stack engine inserts; only its ports matter */
    uint16_t branch_ports;
    uint16_t taken_branch_ports; /* one port, or 0: any that its class names */
    uint16_t fused_branch_ports; /* a compare with its branch, not taken */
    struct form_class slow_lea;
    /* An encoding that no table knows: one operation, and whatever its operands ask for. */
    struct form_class unknown_register, unknown_load, unknown_store;

    /* The first level of data. */
    uint8_t load_cycles; /* any address, general register */
    uint8_t fast_load_cycles; /* base + displacement < 2048, base itself loaded */
    uint8_t vector_load_cycles;
    uint8_t wide_load_cycles; /* 256 bits */
    uint8_t complex_address_cycles; /* more; not 0: a load's latency follows from its address */
    uint8_t forward_cycles; /* from the store's data to the load's result */
    uint8_t blocked_forward_cycles; /* a store that covers part of the load */
    uint8_t split_cycles; /* a load over two lines */
    uint8_t locked_cycles; /* from the start of a locked access to that of the next load */

    uint8_t repeat_cycles; /* before the first element of a repeated string instruction */

    /* Caches and address translation. */
    struct cache_parameters code_cache, data_cache, second_cache;
    struct cache_parameters shared_cache; /* shared by all processors of a host */
    uint16_t memory_cycles;
    uint16_t other_core_cycles; /* a line that another processor has written */
    uint8_t fill_buffers;
    struct tlb_parameters code_tlb, data_tlb, second_tlb;
    uint8_t page_walkers;
    bool prefetches_streams; /* into the second cache: lines that follow ascending ones */
    bool prefetches_pairs;   /* and the other half of 128 bytes */
    bool prefetches_next_line; /* into the first: see prefetch.h */
    bool prefetches_strides;   /* and what a load's instruction will ask for next */

    /* Prediction of branches. */
    uint8_t return_entries;
    uint8_t resteer_cycles; /* a taken branch that the decoders find, not the predictor */
};

#define TIMING_CORE_COUNT 4u

extern const struct timing_parameters timing_cores[TIMING_CORE_COUNT];

#endif
