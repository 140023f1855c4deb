/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An instruction that the engine must not execute is the first of a page, and nothing is
 * mapped before it.
 */
#include "shared/hostile.h"

HOSTILE("A refused instruction at the start of a page faults as anywhere.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    volatile uint8_t *code = frame_pointer(frame);

    (void)start;
    code[0] = 0x0f; /* sysenter */
    code[1] = 0x34;
    frame_make_read_only(frame);
    page_map(SCRATCH, frame, PAGE_CODE);
    expect_trap("sysenter", code_run, SCRATCH, VECTOR_GENERAL_PROTECTION, 0);
    expect_trap("sysenter again", code_run, SCRATCH, VECTOR_GENERAL_PROTECTION, 0);
}
