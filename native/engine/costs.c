/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the native monitor's paths cost on the machine clock, since nobody executes them.
 * Assumptions, printed as such: what the simulated build of the same source executed on
 * those paths, warm, when it was last measured (null call; int3 to a registered handler,
 * without its iret; a tick that changes nothing; a yield between two partitions, without
 * the call). In the unit of the timing model: bytes of code, or instructions.
 */
#include <string.h>

#include "machine.h"

static const struct path_costs costs_in_bytes = {456, 2300, 3157, 1881};
static const struct path_costs costs_in_instructions = {123, 650, 674, 456};

const struct path_costs *costs_of(const struct machine_options *options)
{
    return options->timing == TIMING_OFF ? &costs_in_bytes : &costs_in_instructions;
}

int machine_path_costs(struct machine *machine, struct path_costs *costs)
{
    memset(costs, 0, sizeof *costs);
    if (machine->options.monitor_build == MONITOR_NATIVE) {
        *costs = *machine->costs;
    }
    return NATIVE_OK;
}
