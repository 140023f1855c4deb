/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cores, field by field with the source of each figure; [A] marks an assumption.
 *   SOM   Intel 64 and IA-32 Architectures Optimization Reference Manual
 *   UICA  Abel, Reineke: uiCA, ICS 2022 (arXiv 2107.14210)
 *   FACILE Abel, Sharma, Reineke: Facile, IISWC 2023 (arXiv 2310.13212)
 *   FOG   Agner Fog: The microarchitecture of Intel, AMD and VIA CPUs
 *   INFO  uops.info, measured latencies and ports
 * They were quoted from memory: check a figure in its source before relying on it elsewhere.
 */
#include "parameters.h"

#define P(number) (1u << (number))

#define SANDY_BRIDGE_FAMILY                                                                        \
    .predecode_width = 5,           /* instructions of a 16-byte block a cycle: UICA 4.1.1 */      \
        .prefix_stall_cycles = 3,   /* UICA 4.1.1, SOM 3.4.2.3 */                                  \
        .decoder_count = 4,         /* one complex, three simple: UICA 4.1.2 */                    \
        .microcode_uops = 4,        /* FOG 9.3 */                                                  \
        .microcode_switch_cycles = 2, /* UICA 4.1.3 */                                             \
        .uop_cache_sets = 32, .uop_cache_ways = 8, .uop_cache_line_uops = 6, /* SOM E.2.2.3 */     \
        .uop_cache_switch_cycles = 2, /* SOM 2.6.2.1: MITE after DSB, [A] on the figure */         \
        .follows_in_cycle = true,   /* UICA 4.1, FACILE 4.4 */                                     \
        .issue_width = 4,           /* SOM E.2.3.1 */                                              \
        .retire_width = 4,          /* SOM E.2.3 */                                                \
        .issue_to_dispatch_cycles = 5, /* [A]: no throughput depends on it */                      \
        .load_cycles = 5, .fast_load_cycles = 4, /* SOM table 2-12, E-13 */                        \
        .vector_load_cycles = 6, .wide_load_cycles = 7, /* SOM table E-13 */                       \
        .eliminates_moves = true,   /* SOM 3.5.1.13: from Ivy Bridge on */                         \
        .repeat_cycles = 35,        /* SOM 3.7.6.1: the start of REP MOVS; [A] for the others */   \
        .code_cache = {64, 8, 8},   /* 32 KiB: SOM table 2-10; [A] on the bubble */                \
        .data_cache = {64, 8, 5},   /* 32 KiB: SOM table 2-12 */                                   \
        .fill_buffers = 10,         /* SOM E.2.5.3 */                                              \
        .code_tlb = {16, 8, 0},     /* 128 pages of 4 KiB: SOM table 2-11 */                       \
        .data_tlb = {16, 4, 0},     /* 64 pages of 4 KiB: SOM table 2-11 */                        \
        .prefetches_streams = true, /* SOM E.2.5.4: the streamer */                                \
        .prefetches_pairs = true,   /* SOM E.2.5.4: the spatial prefetcher */                      \
        .return_entries = 16,       /* FOG 3.8 */                                                  \
        .resteer_cycles = 8         /* FOG 3.8 [A] */

const struct timing_parameters timing_cores[TIMING_CORE_COUNT] = {
    {
        SANDY_BRIDGE_FAMILY,
        .name = "skylake",
        .validated = true,
        .column = 0,
        .instruction_queue_entries = 25, /* UICA 4.1.1 */
        .decode_uops = 5,                /* SOM 2.6.1: five micro-ops a cycle */
        .last_decoder_fuses = true,      /* UICA 4.1.2: not so before Skylake */
        .uop_queue_entries = 64,         /* SOM 2.6.1; no loop buffer: errata SKX150, SKL150 */
        .uop_cache_uops = 6,             /* SOM 2.6.1 */
        .reorder_entries = 224,          /* SOM table 2-11 */
        .scheduler_entries = 97,         /* SOM table 2-11 */
        .load_entries = 72,              /* SOM table 2-11 */
        .store_entries = 56,             /* SOM table 2-11 */
        .mispredict_cycles = 16,         /* FOG 11.1: 15 to 20 */
        .indexed_stays_fused = true,     /* SOM E.1.5 */
        .false_count_dependency = true,  /* INFO; errata SKL029 */
        .false_scan_dependency = false,  /* INFO */
        .port_count = 8,
        .load_ports = P(2) | P(3),
        .simple_store_ports = P(2) | P(3) | P(7), /* SOM figure 2-6 */
        .store_ports = P(2) | P(3),
        .synchronize = {.port_count = 4, .port_list = {0, 1, 5, 6}}, /* INFO */
        .branch_ports = P(6),
        .taken_branch_ports = P(6), /* SOM figure E-1 */
        .forward_cycles = 4,          /* FOG 11.14: 4 to 5 */
        .blocked_forward_cycles = 11, /* FOG 11.14 */
        .split_cycles = 5,            /* FOG 11.13 [A] */
        .locked_cycles = 18, /* FOG tables: LOCK ADD, XADD, CMPXCHG */
        .second_cache = {1024, 16, 14},   /* 1 MiB, 14 cycles: SOM table 2-10 */
        .shared_cache = {16384, 11, 68},  /* 11 MiB, 50 to 70 cycles: SOM table 2-10 */
        .memory_cycles = 230, /* [A]: about 85 ns at 2.7 GHz */
        .other_core_cycles = 110, /* [A] */
        .second_tlb = {128, 12, 7}, /* 1536 pages: SOM table 2-11; 7 cycles: SOM E.2.5.1 */
        .page_walkers = 2, /* SOM 2.6.1 */
    },
    {
        SANDY_BRIDGE_FAMILY,
        .name = "haswell",
        .instruction_queue_entries = 20, /* FOG 9.2 */
        .decode_uops = 4,    /* SOM E.2.2 */
        .uop_cache_uops = 4, /* SOM E.2.2.3 */
        .validated = true,
        .column = 1,
        .uop_queue_entries = 56,        /* SOM E.1.1 */
        .reenters_in_cycle = true,      /* UICA 4.1: only where six come in a cycle not */
        .has_loop_buffer = true,        /* SOM E.1.1 */
        .loop_unrolling = {{4, 8}, {5, 6}, {6, 5}, {8, 4}, {12, 3}, {28, 2}}, /* UICA */
        .reorder_entries = 192,         /* SOM table 2-11 */
        .scheduler_entries = 60,        /* SOM E.1.2 */
        .load_entries = 72,             /* SOM E.1.4 */
        .store_entries = 42,            /* SOM E.1.4 */
        .mispredict_cycles = 15,        /* FOG 10.1: 15 to 20 */
        .indexed_stays_fused = true,    /* SOM E.1.5 */
        .false_count_dependency = true, /* INFO; errata HSD146 */
        .false_scan_dependency = true,  /* INFO; errata HSD146 */
        .port_count = 8,
        .load_ports = P(2) | P(3),
        .simple_store_ports = P(2) | P(3) | P(7), /* SOM figure E-1 */
        .store_ports = P(2) | P(3),
        .synchronize = {.port_count = 4, .port_list = {0, 1, 5, 6}}, /* INFO */
        .branch_ports = P(6),
        .taken_branch_ports = P(6), /* SOM figure E-1 */
        .forward_cycles = 5,          /* FOG 10.12 */
        .blocked_forward_cycles = 12, /* FOG 10.12 */
        .split_cycles = 5,            /* FOG 10.12 [A] */
        .locked_cycles = 19, /* FOG tables */
        .second_cache = {512, 8, 12},    /* 256 KiB: SOM table E-3; 12 cycles: SOM table 2-12 */
        .shared_cache = {8192, 16, 36},  /* 8 MiB: FOG 10.11; 36 cycles: 7-cpu, i7-4770 */
        .memory_cycles = 230, /* 7-cpu, i7-4770: 36 cycles and 57 ns at 3.4 GHz */
        .other_core_cycles = 70, /* [A] */
        .second_tlb = {128, 8, 7}, /* 1024 pages: SOM table E-4; 7 cycles: SOM E.2.5.1 */
        .page_walkers = 1, /* SOM 2.6.1 */
    },
    {
        SANDY_BRIDGE_FAMILY,
        .name = "ivybridge",
        .instruction_queue_entries = 20, /* FOG 9.2 */
        .decode_uops = 4,    /* SOM E.2.2 */
        .uop_cache_uops = 4, /* SOM E.2.2.3 */
        .validated = false,
        .column = 2,
        .uop_queue_entries = 56, /* SOM E.2.2.4; one thread alone */
        .reenters_in_cycle = true, /* UICA 4.1 */
        .has_loop_buffer = true, /* SOM E.2.2.4; it does not unroll: UICA */
        .reorder_entries = 168,  /* SOM E.2.3 */
        .scheduler_entries = 54, /* SOM E.2.3 */
        .load_entries = 64,      /* SOM E.2.4 */
        .store_entries = 36,     /* SOM E.2.4 */
        .mispredict_cycles = 15, /* FOG 9.1 */
        .indexed_stays_fused = false, /* SOM E.2.2.4 */
        .false_count_dependency = true, /* INFO */
        .port_count = 6,
        .load_ports = P(2) | P(3),
        .simple_store_ports = P(2) | P(3), /* SOM figure E-2 */
        .store_ports = P(2) | P(3),
        .synchronize = {.port_count = 3, .port_list = {0, 1, 5}}, /* INFO */
        .branch_ports = P(5),
        .taken_branch_ports = P(5), /* SOM figure E-2 */
        .forward_cycles = 5,          /* FOG 9.14 */
        .blocked_forward_cycles = 12, /* FOG 9.14 */
        .split_cycles = 5,            /* FOG 9.14 [A] */
        .locked_cycles = 22, /* FOG tables */
        .second_cache = {512, 8, 12},    /* 256 KiB, 12 cycles: SOM table E-11 */
        .shared_cache = {8192, 16, 30},  /* 8 MiB, 26 to 31 cycles: SOM table E-11 */
        .memory_cycles = 230, /* [A] */
        .other_core_cycles = 70, /* [A] */
        .second_tlb = {128, 4, 7}, /* 512 pages, 7 cycles: SOM E.2.5.1 */
        .page_walkers = 1, /* SOM E.2.5.1 */
    },
};
