/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of sixteen bytes and more, made so by prefixes.
 */
#include "shared/hostile.h"

HOSTILE("An instruction of more than fifteen bytes is a protection fault.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(fifteen_prefixes, ".fill 15, 1, 0x66\n nop") \
    X(twenty_prefixes, ".fill 20, 1, 0x2e\n nop") \
    X(long_immediate, ".fill 11, 1, 0x2e\n .byte 0xb8, 0x90, 0x90, 0x90, 0x90")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_GENERAL_PROTECTION, 0);
}
