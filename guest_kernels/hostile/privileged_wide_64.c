/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only ring 0 of a 64-bit system may execute.
 */
#include "shared/hostile.h"

HOSTILE("swapgs and the task priority register are protection faults.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(swapgs, "swapgs") \
    X(read_cr8, ".byte 0x44, 0x0f, 0x20, 0xc0") \
    X(write_cr8, ".byte 0x44, 0x0f, 0x22, 0xc0")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_GENERAL_PROTECTION, 0);
}
