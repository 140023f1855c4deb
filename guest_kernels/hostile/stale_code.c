/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code runs, is changed through another mapping, and runs again: translated code must not
 * survive.
 */
#include "shared/hostile.h"

HOSTILE("Code that was changed through another mapping runs as changed, each time.");

#define ROUND_COUNT 20

static uint32_t code_result(void)
{
    return ((uint32_t (*)(void))(uintptr_t)SCRATCH)();
}

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    (void)start;
    for (uint8_t round = 0; round < ROUND_COUNT; round++) {
        code_write(frame, round);
        frame_make_read_only(frame);
        page_map(SCRATCH, frame, PAGE_CODE);
        EXPECT(code_result() == round, "round %u ran old code", (unsigned)round);
        EXPECT(code_result() == round, "round %u ran old code again", (unsigned)round);
        CALL(hypercall_mapping_update(SCRATCH, 0));
        frame_make_writable(frame);
    }
}
