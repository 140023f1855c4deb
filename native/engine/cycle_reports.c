/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replaced by native/engine/plain.c's. */
#include "machine.h"

int machine_run_hooked(struct machine *machine, uint32_t partition, uint64_t *cpu_ns)
{
    return machine_run_plain(machine, partition, cpu_ns);
}
