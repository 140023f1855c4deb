/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same, in user mode.
 */
#include "shared/hostile.h"

SCENARIO_STOPS(STOP_unsupported, 0,
               "A locked bit instruction of user mode stops the partition, and the host lives.");

INSTRUCTION(lock_bts, ".byte 0xf0, 0x0f, 0xab, 0xc0")

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen;

    (void)start;
    scenario_user(instruction_lock_bts, 0, &seen);
    scenario_failure("vector %u", (unsigned)seen.vector);
}
