/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a scenario looks at exceptions and refusals, in kernel mode and in user mode.
 */
#include "hypercall.h"
#include "scenario.h"
#include "trap.h"

#define NOWHERE 0x1000u /* no page is mapped there */

SCENARIO(4 * 1024 * 1024, "Reading where nothing is mapped is a page fault, in both modes.");

static void nowhere_read(uintptr_t address)
{
    (void)*(const volatile uint8_t *)address;
}

void scenario_main(const struct start_page *start)
{
    struct trap_seen seen;

    (void)start;
    EXPECT(scenario_trap(nowhere_read, NOWHERE, &seen), "kernel mode read it");
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == NOWHERE,
           "kernel mode got vector %u", (unsigned)seen.vector);

    scenario_user(nowhere_read, NOWHERE, &seen);
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && (seen.state & FRAME_STATE_USER) != 0,
           "user mode got vector %u", (unsigned)seen.vector);

    EXPECT_CALL(hypercall_console_write((const void *)(uintptr_t)NOWHERE, 1), fault);
}
