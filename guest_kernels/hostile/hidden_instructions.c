/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that the engine executes and the decoder does not know, or takes for longer
 * ones, with an interrupt return behind them.
 */
#include "shared/hostile.h"

HOSTILE("What could hide a refused instruction from the decoder is undefined itself.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(alias_of_fcom, ".byte 0xdc, 0xd0\n iret") \
    X(alias_of_fxch, ".byte 0xdd, 0xc8\n iret") \
    X(alias_of_fcomp, ".byte 0xde, 0xd0\n iret") \
    X(alias_of_fstp, ".byte 0xdf, 0xd0\n iret") \
    X(reserved_no_operation, ".byte 0x0f, 0x1d, 0xc0\n iret") \
    X(prefetch_of_a_register, ".byte 0x0f, 0x0d, 0xc0\n iret") \
    X(mov_with_lock, ".byte 0xf0, 0x89, 0xc8\n iret") \
    X(add_of_a_register_with_lock, ".byte 0xf0, 0x01, 0xc8\n iret") \
    X(no_operation_with_lock, ".byte 0xf0, 0x90\n iret") \
    X(movmskps_of_memory, ".byte 0x0f, 0x50, 0x08\n iret") \
    X(extrq, ".byte 0x66, 0x0f, 0x78, 0x05, 0x48, 0xcf, 0x90, 0x90\n iret")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
