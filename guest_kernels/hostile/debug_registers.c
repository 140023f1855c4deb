/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breakpoints in hardware, which would fire in whoever runs next.
 */
#include "shared/hostile.h"

HOSTILE("No debug register can be read or written.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(read_dr0, ".byte 0x0f, 0x21, 0xc0") \
    X(read_dr1, ".byte 0x0f, 0x21, 0xc8") \
    X(read_dr2, ".byte 0x0f, 0x21, 0xd0") \
    X(read_dr3, ".byte 0x0f, 0x21, 0xd8") \
    X(read_dr6, ".byte 0x0f, 0x21, 0xf0") \
    X(read_dr7, ".byte 0x0f, 0x21, 0xf8") \
    X(write_dr0, ".byte 0x0f, 0x23, 0xc0") \
    X(write_dr1, ".byte 0x0f, 0x23, 0xc8") \
    X(write_dr2, ".byte 0x0f, 0x23, 0xd0") \
    X(write_dr3, ".byte 0x0f, 0x23, 0xd8") \
    X(write_dr6, ".byte 0x0f, 0x23, 0xf0") \
    X(write_dr7, ".byte 0x0f, 0x23, 0xf8")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_GENERAL_PROTECTION, 0);
}
