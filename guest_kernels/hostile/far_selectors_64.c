/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far returns and jumps to selectors of the monitor, of its task state, of data, of nothing; a
 * call gate would be among them if there were one.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("A far transfer to a selector that is not the guest's names it in a protection fault.");

static const uint16_t selectors[] = {0x08, 0x0b, 0x10, 0x13, 0x40,   0x43,
                                     0x48, 0x2b, 0x2f, 0x31, 0xfff8, 0};

struct far_pointer {
    uint64_t address;
    uint16_t selector;
} __attribute__((packed));

static struct far_pointer target;

static __attribute__((naked)) void far_return(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("push %rdi\n"
                     "mov $frame_landing, %rax\n"
                     "push %rax\n"
                     "lretq");
}

static __attribute__((naked)) void interrupt_return(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("mov %rsp, %rax\n"
                     "push $0x2b\n"
                     "push %rax\n"
                     "pushfq\n"
                     "push %rdi\n"
                     "mov $frame_landing, %rax\n"
                     "push %rax\n"
                     "iretq");
}

static void far_jump(uintptr_t argument)
{
    (void)argument;
    __asm__ volatile("rex.W ljmp *%0" : : "m"(target));
}

static void far_call(uintptr_t argument)
{
    (void)argument;
    __asm__ volatile("rex.W lcall *%0" : : "m"(target));
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
        if (selectors[i] != 0x31) {
            expect_trap("ljmp", far_jump, 0, VECTOR_GENERAL_PROTECTION, error_code);
            expect_trap("lcall", far_call, 0, VECTOR_GENERAL_PROTECTION, error_code);
        }
    }
    expect_trap("lret to itself", far_return, SELECTOR_GUEST_CODE_64, VECTOR_INVALID_OPCODE, 0);
}
