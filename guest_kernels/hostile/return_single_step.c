/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame with the trap flag: the first instruction after the return traps, not one of the
 * monitor's.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("A trap flag in a frame traps behind the guest's first instruction.");

#define FIRST_INSTRUCTION_SIZE_BYTES 2

static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
static uint8_t stack[PAGE_SIZE_BYTES] __attribute__((aligned(16)));

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)stack + sizeof(stack));
    values.flags = FLAGS_FIXED | FLAG_TRAP;
    frame_write(frame, &values);
    EXPECT(scenario_trap((scenario_function *)frame_return, (uintptr_t)frame, &seen),
           "it returned");
    EXPECT(seen.vector == VECTOR_DEBUG, "vector %u", (unsigned)seen.vector);
    EXPECT(seen.code_address == (uintptr_t)frame_landing + FIRST_INSTRUCTION_SIZE_BYTES,
           "it trapped at 0x%llx", (unsigned long long)seen.code_address);
}
