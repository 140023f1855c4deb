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

static const struct path_costs costs_by_timing[] = {
    [TIMING_OFF] = {456, 2300, 3157, 1881},      /* bytes of code */
    [TIMING_UNIT] = {123, 650, 674, 456},        /* instructions */
    [TIMING_SKYLAKE] = {187, 844, 1505, 1316},   /* cycles, from here on */
    [TIMING_HASWELL] = {184, 813, 1550, 1326},
    [TIMING_IVYBRIDGE] = {185, 827, 1561, 1343},
    /* Skylake's, in the proportion in which bench and pingpong took longer or shorter. */
    [TIMING_ZEN4] = {189, 844, 1368, 1217},
};

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
