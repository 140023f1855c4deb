/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A locked test of a bit in a register, which no processor has: the engine aborts when it has
 * to translate one.
 */
#include "shared/hostile.h"

SCENARIO_STOPS(STOP_unsupported, 0,
               "A locked bit instruction on a register stops the partition, and the host lives.");

INSTRUCTION(lock_bts, ".byte 0xf0, 0x0f, 0xab, 0xc0")

void scenario_main(const struct start_page *start)
{
    (void)start;
    instruction_lock_bts(0);
}
