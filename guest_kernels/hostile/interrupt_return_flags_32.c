/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor's own `iret`, with every flag set that a guest may not have; and with the flag
 * that makes it a task switch.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("iret in the guest's ring loads no flag that the ring may not change.");

static __attribute__((naked)) void interrupt_return(uintptr_t flags __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %eax\n"
                     "push %eax\n"
                     "push $0x19\n"
                     "push $frame_landing\n"
                     "iret");
}

static void nested_return(uintptr_t argument)
{
    (void)flags_exchange(FLAGS_FIXED | FLAG_NESTED);
    interrupt_return(argument);
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};

    (void)start;
    EXPECT(scenario_trap(interrupt_return, ~(uintptr_t)(FLAG_TRAP | FLAG_NESTED), &seen),
           "it went on");
    EXPECT(seen.vector == VECTOR_INVALID_OPCODE, "vector %u", (unsigned)seen.vector);
    EXPECT((seen.flags & FLAGS_NEVER) == 0, "flags 0x%llx", (unsigned long long)seen.flags);
    EXPECT((seen.flags & FLAG_INTERRUPT) != 0, "interrupts are off");
    EXPECT(scenario_trap(interrupt_return, 0, &seen), "it went on");
    EXPECT((seen.flags & FLAG_INTERRUPT) != 0, "interrupts were switched off");
    expect_trap("a nested task", nested_return, FLAGS_FIXED, VECTOR_GENERAL_PROTECTION, 0);
}
