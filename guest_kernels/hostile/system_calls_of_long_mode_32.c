/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `syscall` in 32-bit code, which would enter the monitor by the way of 64-bit guests.
 */
#include "shared/hostile.h"

HOSTILE("syscall and sysret are undefined in 32-bit code.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(syscall, ".byte 0x0f, 0x05")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
