/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_trap within scenario_trap: each call sees its own function's end.
 */
#include "scenario.h"
#include "trap.h"

SCENARIO(4 * 1024 * 1024, "Traps that are tried out within one another end their own function.");

static volatile uint32_t steps;

static void opcode_raise(uintptr_t argument)
{
    (void)argument;
    steps++;
    __asm__ volatile("ud2");
    steps += 100;
}

static void return_only(uintptr_t argument)
{
    steps += (uint32_t)argument;
}

static void page_fault_after_opcode(uintptr_t address)
{
    struct trap_seen inner;

    EXPECT(scenario_trap(opcode_raise, 0, &inner), "nothing trapped inside");
    EXPECT(inner.vector == VECTOR_INVALID_OPCODE, "vector %u inside", (unsigned)inner.vector);
    EXPECT(!scenario_trap(return_only, 10, &inner), "returning trapped");
    *(volatile uint8_t *)address = 1;
    steps += 100;
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen outer;

    (void)start;
    EXPECT(scenario_trap(page_fault_after_opcode, 0x2000, &outer), "nothing trapped outside");
    EXPECT(outer.vector == VECTOR_PAGE_FAULT && outer.fault_address == 0x2000, "vector %u outside",
           (unsigned)outer.vector);
    EXPECT((outer.error_code & PAGE_FAULT_WRITE) != 0, "the error code is %x",
           (unsigned)outer.error_code);
    EXPECT(steps == 11, "%u steps were taken", (unsigned)steps);
}
