/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode jumps, calls and returns to the code of its own kernel.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("No far transfer leads user mode into its kernel.");

static __attribute__((naked)) void far_return(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %eax\n"
                     "push %eax\n"
                     "push $frame_landing\n"
                     "lret");
}

static __attribute__((naked)) void interrupt_return(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %eax\n"
                     "pushf\n"
                     "push %eax\n"
                     "push $frame_landing\n"
                     "iret");
}

static __attribute__((naked)) void far_jump(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("ljmp $0x19, $frame_landing");
}

static __attribute__((naked)) void far_call(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("lcall $0x19, $frame_landing");
}

void scenario_main(const struct start_page *start)
{
    const uint64_t error_code = SELECTOR_KERNEL_CODE_32 & 0xfffcu;

    (void)start;
    expect_user_trap("lret", far_return, SELECTOR_KERNEL_CODE_32, VECTOR_GENERAL_PROTECTION,
                     error_code);
    expect_user_trap("lret", far_return, SELECTOR_KERNEL_CODE_32 + 2, VECTOR_GENERAL_PROTECTION,
                     error_code);
    expect_user_trap("iret", interrupt_return, SELECTOR_KERNEL_CODE_32, VECTOR_GENERAL_PROTECTION,
                     error_code);
    expect_user_trap("ljmp", far_jump, 0, VECTOR_GENERAL_PROTECTION, error_code);
    expect_user_trap("lcall", far_call, 0, VECTOR_GENERAL_PROTECTION, error_code);
}
