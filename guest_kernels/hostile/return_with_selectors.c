/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Selectors of the monitor, of its task state, of nothing and of a local table, in a frame.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("Selectors in a frame are not believed: kernel mode goes on with its own.");

static uint8_t frame[FRAME_SIZE_LIMIT_BYTES] __attribute__((aligned(16)));
static uint8_t stack[PAGE_SIZE_BYTES] __attribute__((aligned(16)));
static const uint16_t selectors[] = {0,    3,    0x08, 0x0b,   0x10,  0x13,
                                     0x40, 0x43, 0x2f, 0xfff8, 0xffff};

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};
    struct frame_values values;

    (void)start;
    frame_prepare(&values, frame_landing, (uintptr_t)stack + sizeof(stack));
    for (uint32_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        values.code_selector = selectors[i];
        values.stack_selector = selectors[i];
        frame_write(frame, &values);
        EXPECT(scenario_trap((scenario_function *)frame_return, (uintptr_t)frame, &seen),
               "it returned");
        EXPECT(seen.vector == VECTOR_INVALID_OPCODE, "vector %u", (unsigned)seen.vector);
        EXPECT((seen.result & 0xffff) == kernel_code_selector(), "it runs on 0x%llx",
               (unsigned long long)seen.result);
    }
}
