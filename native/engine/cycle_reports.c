/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine's cycle-level cores counted and recorded: see native.h. */
#include <string.h>

#include "machine.h"

int machine_timing_statistics(struct machine *machine, uint32_t processor, uint32_t partition,
                              uint32_t path, struct timing_statistics *statistics)
{
    (void)processor, (void)partition, (void)path;
    memset(statistics, 0, sizeof *statistics);
    return machine_fail(machine, NATIVE_STATE, "the machine has no cycle-level core");
}

int machine_window_open(struct machine *machine, uint32_t processor, uint64_t first_instruction,
                        uint32_t instruction_count)
{
    (void)processor, (void)first_instruction, (void)instruction_count;
    return machine_fail(machine, NATIVE_STATE, "the machine has no cycle-level core");
}

uint32_t machine_window_instructions(const struct machine *machine,
                                     const struct window_instruction **instructions)
{
    (void)machine;
    *instructions = NULL;
    return 0;
}

uint32_t machine_window_steps(const struct machine *machine, const struct timing_step **steps)
{
    (void)machine;
    *steps = NULL;
    return 0;
}
