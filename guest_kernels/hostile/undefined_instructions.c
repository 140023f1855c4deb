/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What no processor of this model has: virtualization, transactions, enclaves, newer random
 * numbers.
 */
#include "shared/hostile.h"

HOSTILE("Instructions that the processor does not have are undefined.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(ud2, "ud2") \
    X(ud1, ".byte 0x0f, 0xb9, 0xc0") \
    X(rsm, "rsm") \
    X(monitor, ".byte 0x0f, 0x01, 0xc8") \
    X(mwait, ".byte 0x0f, 0x01, 0xc9") \
    X(xgetbv, ".byte 0x0f, 0x01, 0xd0") \
    X(vmmcall, ".byte 0x0f, 0x01, 0xd9") \
    X(vmlaunch, ".byte 0x0f, 0x01, 0xc2") \
    X(vmresume, ".byte 0x0f, 0x01, 0xc3") \
    X(vmxoff, ".byte 0x0f, 0x01, 0xc4") \
    X(vmrun, ".byte 0x0f, 0x01, 0xd8") \
    X(vmload, ".byte 0x0f, 0x01, 0xda") \
    X(vmsave, ".byte 0x0f, 0x01, 0xdb") \
    X(stgi, ".byte 0x0f, 0x01, 0xdc") \
    X(clgi, ".byte 0x0f, 0x01, 0xdd") \
    X(skinit, ".byte 0x0f, 0x01, 0xde") \
    X(invlpga, ".byte 0x0f, 0x01, 0xdf") \
    X(vmxon, ".byte 0xf3, 0x0f, 0xc7, 0x30") \
    X(vmptrld, ".byte 0x0f, 0xc7, 0x30") \
    X(vmread, ".byte 0x0f, 0x78, 0xc0") \
    X(vmwrite, ".byte 0x0f, 0x79, 0xc0") \
    X(invept, ".byte 0x66, 0x0f, 0x38, 0x80, 0x00") \
    X(getsec, ".byte 0x0f, 0x37") \
    X(encls, ".byte 0x0f, 0x01, 0xcf") \
    X(clac, ".byte 0x0f, 0x01, 0xca") \
    X(stac, ".byte 0x0f, 0x01, 0xcb") \
    X(rdseed, ".byte 0x0f, 0xc7, 0xf8") \
    X(xsave, ".byte 0x0f, 0xae, 0x20") \
    X(xrstor, ".byte 0x0f, 0xae, 0x28") \
    X(move_to_cs, ".byte 0x8e, 0xc8") \
    X(lea_of_a_register, ".byte 0x8d, 0xc0") \
    X(compare_eight_of_a_register, ".byte 0x0f, 0xc7, 0xc8") \
    X(movbe, ".byte 0x0f, 0x38, 0xf0, 0x00")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_INVALID_OPCODE, 0);
}
