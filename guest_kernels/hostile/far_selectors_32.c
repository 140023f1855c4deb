/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far returns, jumps and calls to selectors of the monitor, of 64-bit code, of its task state,
 * of data, of nothing.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("A far transfer to a selector that is not the guest's names it in a protection fault.");

static const uint16_t selectors[] = {0x08, 0x09, 0x0b, 0x10, 0x33, 0x31,   0x40,
                                     0x41, 0x39, 0x2b, 0x1d, 0xc1, 0xfff8, 0};

struct far_pointer {
    uint32_t address;
    uint16_t selector;
} __attribute__((packed));

static struct far_pointer target;

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

static void far_jump(uintptr_t argument)
{
    (void)argument;
    __asm__ volatile("ljmp *%0" : : "m"(target));
}

static void far_call(uintptr_t argument)
{
    (void)argument;
    __asm__ volatile("lcall *%0" : : "m"(target));
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    target.address = (uintptr_t)frame_landing;
    for (uint32_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        uint64_t error_code = selectors[i] & 0xfffcu;

        target.selector = selectors[i];
        expect_trap("lret", far_return, selectors[i], VECTOR_GENERAL_PROTECTION, error_code);
        expect_trap("iret", interrupt_return, selectors[i], VECTOR_GENERAL_PROTECTION, error_code);
        expect_trap("ljmp", far_jump, 0, VECTOR_GENERAL_PROTECTION, error_code);
        expect_trap("lcall", far_call, 0, VECTOR_GENERAL_PROTECTION, error_code);
    }
    expect_trap("lret to itself", far_return, SELECTOR_KERNEL_CODE_32, VECTOR_INVALID_OPCODE, 0);
}
