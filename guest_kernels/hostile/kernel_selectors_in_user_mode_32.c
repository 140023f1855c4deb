/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode loads the segments of its own kernel, of the monitor, and of nobody.
 */
#include "shared/hostile.h"
#include "shared/frame.h"
#include "segment_32.h"

HOSTILE("User mode cannot load a segment of its kernel or of the monitor.");

static const uint16_t selectors[] = {SELECTOR_KERNEL_DATA_32,
                                     SELECTOR_KERNEL_DATA_32 + 2,
                                     SELECTOR_KERNEL_CODE_32,
                                     SELECTOR_PROCESSOR,
                                     SELECTOR_PROCESSOR + 2,
                                     SELECTOR_GUEST_CODE_64,
                                     0x08,
                                     0x0b,
                                     0x10,
                                     0x13,
                                     0x40,
                                     0x43,
                                     0x2f,
                                     0xfff8};

static __attribute__((naked)) void load_ds(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %eax\n mov %eax, %ds\n ret");
}

static __attribute__((naked)) void load_fs(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %eax\n mov %eax, %fs\n ret");
}

static __attribute__((naked)) void load_ss(uintptr_t selector __attribute__((unused)))
{
    __asm__ volatile("mov 4(%esp), %eax\n mov %eax, %ss\n ret");
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        uint64_t error_code = selectors[i] & 0xfffcu;

        expect_user_trap("ds", load_ds, selectors[i], VECTOR_GENERAL_PROTECTION, error_code);
        expect_user_trap("fs", load_fs, selectors[i], VECTOR_GENERAL_PROTECTION, error_code);
        expect_user_trap("ss", load_ss, selectors[i], VECTOR_GENERAL_PROTECTION, error_code);
    }
}
