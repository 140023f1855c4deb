/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 64-bit mode has taken away, and what this processor does not have in it.
 */
#include "shared/hostile.h"

HOSTILE("Instructions of 32-bit mode are undefined in 64-bit mode.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(pusha, ".byte 0x60") \
    X(popa, ".byte 0x61") \
    X(push_es, ".byte 0x06") \
    X(pop_es, ".byte 0x07") \
    X(push_cs, ".byte 0x0e") \
    X(pop_ss, ".byte 0x17") \
    X(pop_ds, ".byte 0x1f") \
    X(daa, ".byte 0x27") \
    X(aaa, ".byte 0x37") \
    X(aam, ".byte 0xd4, 0x0a") \
    X(salc, ".byte 0xd6") \
    X(into, ".byte 0xce") \
    X(far_call_of_old, ".byte 0x9a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00") \
    X(far_jump_of_old, ".byte 0xea, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00") \
    X(rdfsbase, ".byte 0xf3, 0x0f, 0xae, 0xc0") \
    X(wrfsbase, ".byte 0xf3, 0x0f, 0xae, 0xd0") \
    X(wrgsbase, ".byte 0xf3, 0x0f, 0xae, 0xd8")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
