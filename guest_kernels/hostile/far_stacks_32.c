/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far returns, interrupt returns and far calls of user mode, with the stack in pages of its
 * kernel: the engine would let them read and write there.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("A far transfer on a stack that user mode cannot reach is a page fault.");

static __attribute__((naked)) void far_return(uintptr_t stack __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %esp\n lret");
}

static __attribute__((naked)) void interrupt_return(uintptr_t stack __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %esp\n iret");
}

static __attribute__((naked)) void far_call(uintptr_t stack __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %esp\n"
                     "mov $0x10000000, %eax\n" /* SCENARIO_USER_DATA */
                     "lcall *(%eax)");
}

static void stack_try(uintptr_t stack, uint64_t present)
{
    expect_user_trap("lret", far_return, stack, VECTOR_PAGE_FAULT, PAGE_FAULT_USER | present);
    expect_user_trap("iret", interrupt_return, stack, VECTOR_PAGE_FAULT, PAGE_FAULT_USER | present);
    expect_user_trap("lcall", far_call, stack, VECTOR_PAGE_FAULT,
                     PAGE_FAULT_USER | PAGE_FAULT_WRITE | present);
}

void scenario_main(const struct start_page *start)
{
    struct {
        uint32_t address;
        uint16_t selector;
    } __attribute__((packed)) *target = scenario_user_data();

    target->address = (uintptr_t)frame_landing;
    target->selector = SELECTOR_USER_CODE_32;
    stack_try((uintptr_t)start->stack_top_address - 256, PAGE_FAULT_PRESENT);
    stack_try((uintptr_t)start->direct_map_address + 256, PAGE_FAULT_PRESENT);
    stack_try(UNMAPPED + 256, 0);
}
