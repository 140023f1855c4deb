/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX and its kin: the engine would execute another instruction in their place.
 */
#include "shared/hostile.h"

HOSTILE("AVX, AVX-512 and XOP instructions are undefined.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(vaddps_128, ".byte 0xc5, 0xf8, 0x58, 0xc0") \
    X(vaddps_256, ".byte 0xc5, 0xfc, 0x58, 0xc0") \
    X(vaddps_three_bytes, ".byte 0xc4, 0xe1, 0x78, 0x58, 0xc0") \
    X(vzeroupper, ".byte 0xc5, 0xf8, 0x77") \
    X(vmovaps, ".byte 0xc5, 0xf8, 0x28, 0xc1") \
    X(vpbroadcastb, ".byte 0xc4, 0xe2, 0x79, 0x78, 0xc0") \
    X(andn, ".byte 0xc4, 0xe2, 0x78, 0xf2, 0xc0") \
    X(rorx, ".byte 0xc4, 0xe3, 0x7b, 0xf0, 0xc0, 0x01") \
    X(kmovw, ".byte 0xc5, 0xf8, 0x92, 0xc0") \
    X(vaddps_512, ".byte 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0") \
    X(vprotb, ".byte 0x8f, 0xe8, 0x78, 0xc0, 0xc0, 0x01")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
