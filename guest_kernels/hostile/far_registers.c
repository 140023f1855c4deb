/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far calls and jumps through a register: there is no such thing.
 */
#include "shared/hostile.h"

HOSTILE("A far transfer through a register is undefined.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(far_call, ".byte 0xff, 0xd8") \
    X(far_jump, ".byte 0xff, 0xe8")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
