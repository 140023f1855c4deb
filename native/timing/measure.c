/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One block, unrolled: its steady throughput on a core, as published measurements give it.
 * Called through native.h; knows no file and no text.
 */
#include <stddef.h>

#include "code.h"
#include "core.h"
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

int timing_measure(const struct timing_block_run *run, struct timing_measurement *measurement)
{
    const struct timing_parameters *parameters = timing_core_named(run->core);
    struct timing_decoder *decoder = parameters == NULL ? NULL : timing_decoder_open(parameters);
    struct timing_core *core = decoder == NULL ? NULL : timing_core_open(parameters);
    struct timing_code *code =
        core == NULL ? NULL
                     : timing_decode(decoder, run->bytes, run->size_bytes, run->address,
                                     run->width_bits);
    if (code != NULL) {
        uint64_t before = 0;
        for (uint32_t copy = 0; copy < run->warm_copies + run->copies; copy++) {
            before = copy == run->warm_copies ? timing_core_cycles(core) : before;
            run_copy(core, code, run, copy);
        }
        measurement->cycles = timing_core_cycles(core) - before;
        measurement->instruction_count = code->instruction_count;
        measurement->unknown_count = code->unknown_count;
    }
    timing_code_free(code);
    timing_core_close(core);
    timing_decoder_close(decoder);
    return code == NULL ? -1 : 0;
}
