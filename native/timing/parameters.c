/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cores, field by field with the source of each figure; [A] marks an assumption.
 *   SOM   Intel 64 and IA-32 Architectures Optimization Reference Manual
 *   UICA  Abel, Reineke: uiCA, ICS 2022 (arXiv 2107.14210)
 *   FACILE Abel, Sharma, Reineke: Facile, IISWC 2023 (arXiv 2310.13212)
 *   FOG   Agner Fog: The microarchitecture of Intel, AMD and VIA CPUs
 *   INFO  uops.info, measured latencies and ports
 *   SOG   AMD: Software Optimization Guide for the AMD Zen4 Microarchitecture, 57647
 *   LLVM  X86ScheduleZnver4.td, which quotes SOG by section; read
 *   CHIPS Chips and Cheese: AMD's Zen 4, parts 1 and 2; the beginnings read
 *   INSTLAT InstLatX64's measurements: EPYC 9654, Threadripper 7000, Ryzen 7950X; Xeon 8160, a
 *         Haswell Xeon (00306C3), i7-3770K; read
 *   CORSIX corsix.org: x86 macro-op fusion notes; read
 * Those not said to be read were quoted from memory: check a figure in its source before
 * relying on it elsewhere.
 */
#include "parameters.h"

#define P(number) (1u << (number))

/* One operation wherever any runs, and the accesses that the operands ask for. */
#define INTEL_UNKNOWN                                                                              \
    .unknown_register = {1, 1, 0, 0, {{0x63, 1}}},                                                 \
    .unknown_load = {6, 1, 0, 0, {{0x63, 1}, {0x0c, 1}}},                                          \
    .unknown_store = {2, 2, 0, 0, {{0x63, 1}, {0x8c, 1}, {0x10, 1}}}

#define SANDY_BRIDGE_FAMILY                                                                        \
    .family = FAMILY_INTEL, .predecode_bytes = 16,      /* blocks of 16 bytes: UICA 4.1.1 */       \
        .predecode_width = 5,       /* instructions of a 16-byte block a cycle: UICA 4.1.1 */      \
        .prefix_stall_cycles = 3,   /* UICA 4.1.1, SOM 3.4.2.3 */                                  \
        .decoder_count = 4,         /* one complex, three simple: UICA 4.1.2 */                    \
        .simple_uops = 1, .complex_uops = 4, /* FOG 9.3 */                                         \
        .microcode_uops = 4,        /* FOG 9.3 */                                                  \
        .microcode_switch_cycles = 2, /* UICA 4.1.3 */                                             \
        .uop_cache_sets = 32, .uop_cache_ways = 8, .uop_cache_line_uops = 6, /* SOM E.2.2.3 */     \
        .uop_cache_window_bytes = 32, .uop_cache_window_lines = 3, /* SOM E.2.2.3 */               \
        .uop_cache_switch_cycles = 2, /* SOM 2.6.2.1: MITE after DSB, [A] on the figure */         \
        .follows_in_cycle = true,   /* UICA 4.1, FACILE 4.4 */                                     \
        .issue_width = 4,           /* SOM E.2.3.1 */                                              \
        .retire_width = 4,          /* SOM E.2.3 */                                                \
        .issue_to_dispatch_cycles = 5, /* [A]: no throughput depends on it */                      \
        .load_cycles = 5, .fast_load_cycles = 4, /* SOM table 2-12, E-13 */                        \
        .vector_load_cycles = 6, .wide_load_cycles = 7, /* SOM table E-13 */                       \
        .eliminates_moves = true,   /* SOM 3.5.1.13: from Ivy Bridge on */                         \
        .eliminates_zero_extension = true, /* UICA 4.1.4: of a low byte */                         \
        .load_ports = P(2) | P(3), .vector_load_ports = P(2) | P(3), .store_ports = P(2) | P(3),   \
    .address_ports = P(2) | P(3) | P(7), .store_data_ports = P(4), /* SOM figure E-1 */            \
        .slow_lea = {3, 3, 0, 0, {{P(1), 1}}}, /* SOM 3.5.1.2 */                                   \
        INTEL_UNKNOWN,                                                                             \
    .repeat_cycles = 35,        /* SOM 3.7.6.1: the start of REP MOVS; [A] for the others */       \
        .code_cache = {64, 8, 8},   /* 32 KiB: SOM table 2-10; [A] on the bubble */                \
        .data_cache = {64, 8, 5},   /* 32 KiB: SOM table 2-12 */                                   \
        .fill_buffers = 10,         /* SOM E.2.5.3 */                                              \
        .code_tlb = {16, 8, 0},     /* 128 pages of 4 KiB: SOM table 2-11 */                       \
        .data_tlb = {16, 4, 0},     /* 64 pages of 4 KiB: SOM table 2-11 */                        \
        .prefetches_streams = true, /* SOM E.2.5.4: the streamer */                                \
        .prefetches_pairs = true,   /* SOM E.2.5.4: the spatial prefetcher */                      \
        .prefetches_next_line = true, /* SOM E.2.5.4; [A] on what is very recent */                \
        .prefetches_strides = true, /* SOM E.2.5.4; [A] beyond: prefetch.h */                      \
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
        .simple_store_ports = P(2) | P(3) | P(7), /* SOM figure 2-6 */
        .synchronize = {.port_count = 4, .port_list = {0, 1, 5, 6}}, /* INFO */
        .branch_ports = P(6),
        .taken_branch_ports = P(6), /* SOM figure E-1 */
        .fused_branch_ports = P(0) | P(6), /* SOM figure E-1: not taken ones on port 0 too */
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
        .simple_store_ports = P(2) | P(3) | P(7), /* SOM figure E-1 */
        .synchronize = {.port_count = 4, .port_list = {0, 1, 5, 6}}, /* INFO */
        .branch_ports = P(6),
        .taken_branch_ports = P(6), /* SOM figure E-1 */
        .fused_branch_ports = P(0) | P(6), /* SOM figure E-1: not taken ones on port 0 too */
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
        .simple_store_ports = P(2) | P(3), /* SOM figure E-2 */
        .synchronize = {.port_count = 3, .port_list = {0, 1, 5}}, /* INFO */
        .branch_ports = P(5),
        .taken_branch_ports = P(5), /* SOM figure E-2 */
        .fused_branch_ports = P(5),
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
    {
        .name = "zen4",
        .validated = false,
        .family = FAMILY_ZEN,
        .column = 3,
        .predecode_bytes = 32,    /* 32 bytes a cycle: FOG 23.2 */
        .predecode_width = 32,    /* AMD's decoders look for beginnings by themselves */
        .prefix_stall_cycles = 0, /* FOG 23.2: no such penalty */
        .instruction_queue_entries = 64, /* [A]: AMD's queue is of bytes */
        .decoder_count = 4,         /* CHIPS: four instructions a cycle */
        .last_decoder_fuses = true, /* no such rule is known */
        .simple_uops = 2,           /* FOG 23.2: any decoder makes two macro-ops */
        .complex_uops = 2,          /* more is microcode */
        .decode_uops = 8,             /* four decoders of two */
        .microcode_uops = 6, /* INSTLAT: MOVS, CMPS, of 5 and 6 macro-ops, one in 3 cycles */
        .microcode_switch_cycles = 2, /* [A] */
        .uop_queue_entries = 64,      /* [A]: a size is published for the loop buffer only */
        .uop_cache_uops = 9,          /* CHIPS: nine a cycle */
        .uop_cache_sets = 64,         /* LLVM, SOG 2.9.1 */
        .uop_cache_ways = 12, /* 6,912 macro-ops: LLVM, SOG 2.9.1; [A]: in lines of nine */
        .uop_cache_line_uops = 9, /* [A]: as many as leave in a cycle */
        .uop_cache_window_bytes = 64, /* 64 bytes: SOG 2.9.1 */
        .uop_cache_window_lines = 8, /* [A]: no limit is published */
        .uop_cache_switch_cycles = 2, /* [A] */
        .issue_width = 6, /* macro-ops: LLVM, SOG 2.9.8 */
        .retire_width = 9, /* LLVM, SOG 2.10.3 */
        .reorder_entries = 320, /* LLVM, SOG 2.10.3 */
        .scheduler_entries = 96, /* four of 24: LLVM, SOG 2.10.1; [A]: here one for all */
        .vector_scheduler_entries = 128, /* LLVM, SOG 2.11: two of 32, 64 before; [A]: here one */
        .load_entries = 136, /* CHIPS: in flight until they retire */
        .store_entries = 64, /* LLVM, SOG 2.12 */
        .issue_to_dispatch_cycles = 5, /* [A]: no throughput depends on it */
        .mispredict_cycles = 13, /* LLVM, SOG 2.8: 11 to 18, mostly 13 */
        .all_stays_fused = true, /* FOG 23.2: a macro-op stays one until execution */
        .fuses_all_arithmetic = true, /* CORSIX: from Zen 3 on */
        .eliminates_moves = true, /* LLVM: up to six a cycle */
        .balances_ports = true, /* SOG 2.10.1; [A]: how is not published */
        .port_count = 16, /* ALU 0-3, branch, address 5-7, vector 8-13, data 14, 15 */
        .load_ports = P(5) | P(6) | P(7), /* LLVM, SOG 2.12: three loads */
        .vector_load_ports = P(5) | P(6), /* two of them vectors: SOG 2.12 */
        .simple_store_ports = P(6) | P(7), /* LLVM, SOG 2.12: two stores; [A] on which */
        .store_ports = P(6) | P(7),
        .address_ports = P(6) | P(7),
        .store_data_ports = P(14) | P(15),
        .synchronize = {.port_count = 4, .port_list = {0, 1, 2, 3}, .flags = UOP_BALANCED},
        .branch_ports = P(0) | P(4), /* LLVM, SOG 2.10.2 */
        .fused_branch_ports = P(0) | P(4), /* [A]: both compare too */
        .slow_lea = {2, 2, 0, 2, {{0x06, 1}}}, /* INSTLAT: 2, two a cycle; [A]: the ports */
        .unknown_register = {1, 1, 0, 1, {{0x0f, 1}}},
        .unknown_load = {5, 1, 0, 1, {{0x0f, 1}, {0xe0, 1}}},
        .unknown_store = {2, 2, 0, 1, {{0x0f, 1}, {0xc0, 1}, {0xc000, 1}}},
        .load_cycles = 4,
        .fast_load_cycles = 4, /* LLVM, SOG 2.12; INSTLAT */
        .vector_load_cycles = 7,
        .wide_load_cycles = 7, /* LLVM, SOG 2.12 */
        .complex_address_cycles = 1, /* SOG 2.12 */
        .forward_cycles = 7, /* INSTLAT: 7.4 with an addition, 9.1 with a move; [A] between */
        .blocked_forward_cycles = 14, /* FOG 23.18 [A] */
        .split_cycles = 1, /* FOG 23.18 [A] */
        .locked_cycles = 6, /* INSTLAT: LOCK ADD, XCHG: one in 7.7 */
        .repeat_cycles = 30, /* [A] */
        .code_cache = {64, 8, 8}, /* 32 KiB: SOG 2.6.1; [A] on the bubble */
        .data_cache = {64, 8, 4}, /* 32 KiB: INSTLAT */
        .second_cache = {2048, 8, 14}, /* 1 MiB, 14 cycles: INSTLAT */
        .shared_cache = {32768, 16, 50}, /* 32 MiB, 50 to 53 cycles: INSTLAT */
        .memory_cycles = 350, /* [A]: in random order 320 to 390, with walks: INSTLAT */
        .other_core_cycles = 100, /* [A]: through the shared cache of one complex */
        .fill_buffers = 24, /* SOG 2.12: miss address buffers */
        .code_tlb = {1, 64, 0}, /* INSTLAT, from CPUID */
        .data_tlb = {1, 72, 0}, /* INSTLAT, from CPUID */
        .second_tlb = {128, 24, 7}, /* 3072 pages, 7 to 8 cycles: INSTLAT */
        .page_walkers = 6, /* SOG 2.7 */
        .prefetches_streams = true, /* SOG 2.6.3 */
        .prefetches_pairs = false, /* [A]: its second cache takes up and down neighbours */
        .prefetches_next_line = false, /* [A]: streams, but when and how far is not published */
        .prefetches_strides = true, /* SOG 2.6.3: of an instruction; [A]: as Intel's */
        .return_entries = 32, /* SOG 2.8 */
        .resteer_cycles = 8, /* [A] */
    },
};
