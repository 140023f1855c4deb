/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the native monitor's paths cost on the machine clock, since nobody executes them.
 * Assumptions, printed as such: what the simulated build of the same source executes on those
 * paths, warm, from the entry until it leaves, for a 64-bit guest (null call; page fault to a
 * registered handler, without its iret; a tick that changes nothing; a yield between two
 * partitions, without the call). In the unit of the timing model: bytes of code, instructions,
 * or cycles of a core. path_costs.inc is written by
 * `python -m ultravisor.bench.native_costs`.
 */
#include <string.h>

#include "machine.h"
#include "timing/parameters.h"

#define PATH_COSTS(timing, hypercall, trap, interrupt, world_switch)                               \
    [TIMING_##timing] = {hypercall, trap, interrupt, world_switch},
static const struct path_costs costs_by_timing[] = {
#include "path_costs.inc"
};
#undef PATH_COSTS

_Static_assert(sizeof costs_by_timing / sizeof *costs_by_timing ==
                   TIMING_SKYLAKE + TIMING_CORE_COUNT,
               "every timing model has its costs");

const struct path_costs *costs_of(const struct machine_options *options)
{
    return &costs_by_timing[options->timing];
}

int machine_path_costs(struct machine *machine, struct path_costs *costs)
{
    memset(costs, 0, sizeof *costs);
    if (machine->options.monitor_build == MONITOR_NATIVE) {
        *costs = *machine->costs;
    }
    return NATIVE_OK;
}
