/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine does not look at privilege before it reads and writes ports. HOSTED_PORT among them:
 * its doorbell is for hosted partitions alone.
 */
#include "shared/hostile.h"

HOSTILE("Reading and writing ports is a protection fault in every form.");

/* clang-format off */
#define INSTRUCTIONS(X) \
    X(in_al_immediate, "inb $0x60, %al") \
    X(in_eax_immediate, "inl $0x60, %eax") \
    X(in_al_dx, "inb %dx, %al") \
    X(in_ax_dx, "inw %dx, %ax") \
    X(in_eax_dx, "inl %dx, %eax") \
    X(out_al_immediate, "outb %al, $0x60") \
    X(out_hosted_doorbell, "outb %al, $0xe5") \
    X(out_eax_immediate, "outl %eax, $0x60") \
    X(out_al_dx, "outb %al, %dx") \
    X(out_ax_dx, "outw %ax, %dx") \
    X(out_eax_dx, "outl %eax, %dx") \
    X(insb, ".byte 0x6c") \
    X(insl, ".byte 0x6d") \
    X(outsb, ".byte 0x6e") \
    X(outsl, ".byte 0x6f") \
    X(rep_insb, ".byte 0xf3, 0x6c") \
    X(rep_outsb, ".byte 0xf3, 0x6e") \
    X(repne_insw, ".byte 0x66, 0xf2, 0x6d")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_instructions(instructions, INSTRUCTION_COUNT, VECTOR_GENERAL_PROTECTION, 0);
}
