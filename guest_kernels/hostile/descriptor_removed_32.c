/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A segment register holds a descriptor that is taken away, or given to another ring.
 */
#include "shared/hostile.h"
#include "shared/frame.h"
#include "segment_32.h"

HOSTILE("A segment whose descriptor is gone is null at once.");

#define INDEX 3
#define SELECTOR (SELECTOR_GUEST_FIRST + 8 * INDEX + RING_KERNEL)

static uint32_t segment_hold(void)
{
    uint32_t selector;

    CALL(hypercall_descriptor_set(INDEX, data_descriptor(0, RING_KERNEL)));
    __asm__ volatile("mov %1, %%gs\n"
                     "mov %%gs, %0"
                     : "=r"(selector)
                     : "r"((uint32_t)SELECTOR));
    return selector;
}

static uint32_t segment_left(void)
{
    uint32_t selector;

    __asm__ volatile("mov %%gs, %0" : "=r"(selector));
    return selector;
}

static void selector_load(uintptr_t selector)
{
    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)selector));
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    EXPECT(segment_hold() == SELECTOR, "it could not be loaded");
    EXPECT_CALL(hypercall_descriptor_set(INDEX, 0), none);
    EXPECT(segment_left() == 0, "selector 0x%x is left", (unsigned)segment_left());
    EXPECT(segment_hold() == SELECTOR, "it could not be loaded again");
    EXPECT_CALL(hypercall_descriptor_set(INDEX, data_descriptor(0, RING_USER)), none);
    EXPECT(segment_left() == SELECTOR, "a segment of an outer ring may stay");
    EXPECT_CALL(hypercall_descriptor_set(INDEX, 0), none);
    expect_trap("its selector", selector_load, SELECTOR, VECTOR_GENERAL_PROTECTION,
                SELECTOR & 0xfffcu);
}
