/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry into a kernel that no processor here has set up: what it would load is zero, or
 * the monitor's.
 */
#include "shared/hostile.h"

HOSTILE("sysenter and sysexit are protection faults.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(sysenter, ".byte 0x0f, 0x34") \
    X(sysexit, ".byte 0x0f, 0x35")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_GENERAL_PROTECTION, 0);
}
