/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine would answer with the host's randomness, and no run would be like another.
 */
#include "shared/hostile.h"

HOSTILE("rdrand is undefined in each of its widths.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(rdrand, ".byte 0x0f, 0xc7, 0xf0") \
    X(rdrand_16, ".byte 0x66, 0x0f, 0xc7, 0xf0")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
