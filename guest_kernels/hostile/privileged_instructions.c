/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only ring 0 may execute.
 */
#include "shared/hostile.h"

HOSTILE("Each privileged instruction is a protection fault, in kernel and user mode.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(hlt, "hlt") \
    X(cli, "cli") \
    X(sti, "sti") \
    X(clts, "clts") \
    X(invd, "invd") \
    X(wbinvd, "wbinvd") \
    X(invlpg, "invlpg 0") \
    X(lgdt, "lgdt 0") \
    X(lidt, "lidt 0") \
    X(lldt, "lldt %ax") \
    X(ltr, "ltr %ax") \
    X(lmsw, "lmsw %ax") \
    X(rdmsr, "rdmsr") \
    X(wrmsr, "wrmsr") \
    X(xsetbv, ".byte 0x0f, 0x01, 0xd1") \
    X(read_cr0, ".byte 0x0f, 0x20, 0xc0") \
    X(read_cr2, ".byte 0x0f, 0x20, 0xd0") \
    X(read_cr3, ".byte 0x0f, 0x20, 0xd8") \
    X(read_cr4, ".byte 0x0f, 0x20, 0xe0") \
    X(write_cr0, ".byte 0x0f, 0x22, 0xc0") \
    X(write_cr2, ".byte 0x0f, 0x22, 0xd0") \
    X(write_cr3, ".byte 0x0f, 0x22, 0xd8") \
    X(write_cr4, ".byte 0x0f, 0x22, 0xe0")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_GENERAL_PROTECTION, 0);
}
