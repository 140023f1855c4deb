/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A locked test of a bit in a register, which no processor has: the engine aborts when it has
 * to translate one.
 */
#include "shared/hostile.h"

HOSTILE("A locked bit instruction on a register is undefined, and the host lives.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(lock_bt, ".byte 0xf0, 0x0f, 0xa3, 0xc0") \
    X(lock_bts, ".byte 0xf0, 0x0f, 0xab, 0xc0") \
    X(lock_btr, ".byte 0xf0, 0x0f, 0xb3, 0xc8") \
    X(lock_btc, ".byte 0xf0, 0x0f, 0xbb, 0xc0") \
    X(lock_bts_immediate, ".byte 0xf0, 0x0f, 0xba, 0xe8, 0x01") \
    X(lock_btr_immediate, ".byte 0xf0, 0x0f, 0xba, 0xf0, 0x1f")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
