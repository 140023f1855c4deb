/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every flag in a frame is set, but the one that traps: I/O privilege, nested task, virtual
 * 8086 mode, virtual interrupts.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("Flags in a frame that a guest may not have are not loaded by iret.");

static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
static uint8_t stack[PAGE_SIZE_BYTES] __attribute__((aligned(16)));

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)stack + sizeof(stack));
    values.flags = ~(uint64_t)FLAG_TRAP;
    frame_write(frame, &values);
    EXPECT(scenario_trap((scenario_function *)frame_return, (uintptr_t)frame, &seen),
           "it returned");
    EXPECT(seen.vector == VECTOR_INVALID_OPCODE, "vector %u", (unsigned)seen.vector);
    EXPECT((seen.flags & (FLAGS_NEVER | FLAG_NESTED)) == 0, "flags 0x%llx",
           (unsigned long long)seen.flags);
    EXPECT((seen.flags & FLAG_INTERRUPT) != 0, "interrupts are off");
    values.flags = 0;
    frame_write(frame, &values);
    EXPECT(scenario_trap((scenario_function *)frame_return, (uintptr_t)frame, &seen),
           "it returned");
    EXPECT((seen.flags & FLAG_INTERRUPT) != 0, "interrupts were switched off");
}
