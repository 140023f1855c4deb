/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last two bytes of the lower half are a `syscall`: its return address is one that no
 * processor can hold.
 */
#include "shared/hostile.h"

HOSTILE("A call whose return address is not canonical is a protection fault, not a call.");

#define LAST_PAGE 0x00007ffffffff000

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    volatile uint8_t *code = frame_pointer(frame);

    (void)start;
    code[PAGE_SIZE_BYTES - 2] = 0x0f;
    code[PAGE_SIZE_BYTES - 1] = 0x05;
    frame_make_read_only(frame);
    page_map(LAST_PAGE, frame, PAGE_CODE);
    expect_trap("a call at the hole", code_run, LAST_PAGE + PAGE_SIZE_BYTES - 2,
                VECTOR_GENERAL_PROTECTION, 0);
}
