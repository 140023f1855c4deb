/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two models without a micro-architecture. `off` measures work in bytes of code, which
 * the block hook knows for free; `unit` is exactly one cycle an instruction.
 */
#include <stddef.h>

#include "timing.h"

static uint64_t unit_block_cycles(void *core, const struct timing_block *block)
{
    (void)core;
    return block->instruction_count;
}

static uint64_t unit_partial_cycles(void *core, const struct timing_block *block,
                                    uint32_t executed_instructions)
{
    (void)core;
    (void)block;
    return executed_instructions;
}

const struct timing_operations timing_off = {"off", false, NULL, NULL};
const struct timing_operations timing_unit = {"unit", true, unit_block_cycles, unit_partial_cycles};
const struct timing_operations timing_cycles = {"core", true, NULL, NULL};
