/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the native monitor's paths cost on the machine clock, since nobody executes them.
 * Assumptions, printed as such: what the simulated build of the same source executed on
 * those paths, warm, when it was last measured (null call; int3 to a registered handler,
 * without its iret, and for the cores a page fault; a tick that changes nothing; a yield between
 * two partitions, without the call). In the unit of the timing model.
 */
#include <string.h>

#include "machine.h"
#include "timing/parameters.h"

static const struct path_costs costs_by_timing[] = {
    [TIMING_OFF] = {456, 2300, 3157, 1881},      /* bytes of code */
    [TIMING_UNIT] = {123, 650, 674, 456},        /* instructions */
    [TIMING_SKYLAKE] = {177, 914, 1644, 1428}, /* cycles, from here on */
    [TIMING_HASWELL] = {184, 927, 1689, 1492}, [TIMING_IVYBRIDGE] = {185, 938, 1699, 1499},
    [TIMING_ZEN4] = {182, 851, 1583, 1303},
};

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
