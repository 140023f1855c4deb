/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment registers are loaded with selectors of the monitor, of its task state, of a local
 * table, of nothing.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("A selector that is not the guest's cannot be loaded into any segment register.");

static const uint16_t selectors[] = {0x08, 0x0b, 0x10, 0x13, 0x40, 0x43, 0x48, 0x0c, 0x2f, 0xfff8};

static void load_ds(uintptr_t selector)
{
    __asm__ volatile("mov %0, %%ds" : : "r"((uint32_t)selector));
}

static void load_es(uintptr_t selector)
{
    __asm__ volatile("mov %0, %%es" : : "r"((uint32_t)selector));
}

static void load_fs(uintptr_t selector)
{
    __asm__ volatile("mov %0, %%fs" : : "r"((uint32_t)selector));
}

static void load_gs(uintptr_t selector)
{
    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)selector));
}

static void load_ss(uintptr_t selector)
{
    __asm__ volatile("mov %0, %%ss" : : "r"((uint32_t)selector));
}

void scenario_main(const struct start_page *start)
{
    scenario_function *const loads[] = {load_ds, load_es, load_fs, load_gs, load_ss};

    (void)start;
    for (uint32_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        for (uint32_t j = 0; j < sizeof(loads) / sizeof(loads[0]); j++) {
            expect_trap("a load of a segment", loads[j], selectors[i], VECTOR_GENERAL_PROTECTION,
                        selectors[i] & 0xfffcu);
        }
    }
    expect_trap("a load of a null stack", load_ss, 0, VECTOR_GENERAL_PROTECTION, 0);
    expect_trap("a load of code as stack", load_ss, (uintptr_t)kernel_code_selector(),
                VECTOR_GENERAL_PROTECTION, kernel_code_selector() & 0xfffcu);
}
