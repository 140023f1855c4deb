/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One block, unrolled: its steady throughput on a core, as published measurements give it.
 * Called through native.h; knows no file and no text.
 */
#include <stddef.h>

#include "code.h"
#include "core.h"
#include "hierarchy.h"
#include "timing.h"

static void run_copy(struct timing_core *core, const struct timing_code *code,
                     const struct timing_block_run *run, uint32_t copy)
{
    uint32_t first = run->access_ends != NULL && copy > 0 ? run->access_ends[copy - 1] : 0;
    uint32_t end = run->access_ends != NULL ? run->access_ends[copy] : 0;
    const struct timing_outcome outcome = {
        .accesses = run->accesses == NULL ? NULL : run->accesses + first,
        .access_count = end - first,
        .executed_count = code->instruction_count,
        .address = run->address + (uint64_t)copy * run->size_bytes,
        .machine_address = run->address + (uint64_t)copy * run->size_bytes,
    };
    (void)timing_execute(core, code, &outcome);
}

/* The code was executed before it was measured: pages and lines are where they fit. */
static void touch(struct timing_core *core, const struct timing_block_run *run)
{
    uint32_t copies = run->warm_copies + run->copies;
    uint32_t count = run->access_ends != NULL && copies > 0 ? run->access_ends[copies - 1] : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct timing_access *access = &run->accesses[i];
        (void)hierarchy_data_page(core, access->address, 0);
        (void)hierarchy_store_line(core, access->machine_address >> LINE_BITS, 0);
    }
    hierarchy_settle(core);
}

static void run_copies(struct timing_core *core, const struct timing_code *code,
                       const struct timing_block_run *run, struct timing_measurement *measurement)
{
    timing_core_idealize(core, run->ideals | TIMING_IDEAL_CODE);
    touch(core, run);
    for (uint32_t copy = 0; copy < run->warm_copies; copy++) {
        run_copy(core, code, run, copy);
    }
    uint64_t before = timing_core_cycles(core);
    timing_core_record(core, run->steps, run->step_limit);
    for (uint32_t copy = 0; copy < run->copies; copy++) {
        run_copy(core, code, run, run->warm_copies + copy);
    }
    measurement->cycles = timing_core_cycles(core) - before;
    measurement->step_count = timing_core_recorded(core);
    measurement->instruction_count = code->instruction_count;
    measurement->unknown_count = code->unknown_count;
}

int timing_measure(const struct timing_parameters *parameters, struct timing_decoder *decoder,
                   const struct timing_block_run *run, struct timing_measurement *measurement)
{
    struct timing_core *core = timing_core_open(parameters);
    struct timing_code *code = core == NULL ? NULL
                                            : timing_decode(decoder, run->bytes, run->size_bytes,
                                                            run->address, run->width_bits);
    if (code != NULL) {
        run_copies(core, code, run, measurement);
    }
    timing_code_free(code);
    timing_core_close(core);
    return code == NULL ? NATIVE_NO_MEMORY : 0;
}

void timing_repeat(struct timing_core *core, const struct timing_code *code,
                   const struct timing_outcome *outcome, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        (void)timing_execute(core, code, outcome);
    }
}
