/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode tries every way into the monitor.
 */
#include "shared/hostile.h"

HOSTILE("From user mode no call reaches the monitor, by any instruction.");

static __attribute__((naked)) void user_vmcall(uintptr_t argument __attribute__((unused)))
{
    __asm__ volatile("xor %eax, %eax\n vmcall\n ret");
}

static __attribute__((naked)) void user_interrupt(uintptr_t argument __attribute__((unused)))
{
    __asm__ volatile("xor %eax, %eax\n int $0x82\n ret");
}

static __attribute__((naked)) void user_exit(uintptr_t argument __attribute__((unused)))
{
    __asm__ volatile("mov $5, %eax\n vmcall\n ret"); /* partition_exit */
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen = {0};

    (void)start;
    expect_user_trap("vmcall", user_vmcall, 0, VECTOR_INVALID_OPCODE, 0);
    expect_user_trap("vmcall", user_exit, 0, VECTOR_INVALID_OPCODE, 0);
    expect_user_trap("int 0x82", user_interrupt, 0, VECTOR_GENERAL_PROTECTION, 0x82 * 8 + 2);
    scenario_user((scenario_function *)scenario_user_leave, HC_partition_exit, &seen);
    EXPECT(seen.vector == VECTOR_SYSTEM_CALL && seen.result == HC_partition_exit,
           "the system call came as vector %u", (unsigned)seen.vector);
}
