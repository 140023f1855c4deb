/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame whose state has every bit set but the one for user mode.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("Bits of a frame's state that mean nothing do nothing.");

static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
static uint8_t stack[PAGE_SIZE_BYTES] __attribute__((aligned(16)));

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)stack + sizeof(stack));
    values.state = ~(uint64_t)FRAME_STATE_USER;
    frame_write(frame, &values);
    EXPECT(scenario_trap((scenario_function *)frame_return, (uintptr_t)frame, &seen),
           "it returned");
    EXPECT(seen.vector == VECTOR_INVALID_OPCODE, "vector %u", (unsigned)seen.vector);
    EXPECT((seen.state & FRAME_STATE_USER) == 0, "it went to user mode");
}
