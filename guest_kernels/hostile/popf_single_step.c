/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trap flag, set by `popf`, across instructions and into a call of the monitor.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("Single stepping traps in the guest, and the monitor is not stepped.");

static void step(uintptr_t argument)
{
    (void)argument;
    (void)flags_exchange(FLAGS_FIXED | FLAG_TRAP);
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_trap("popf", step, 0, VECTOR_DEBUG, 0);
    expect_user_trap("popf", step, 0, VECTOR_DEBUG, 0);
    EXPECT_CALL(hypercall_version(), none);
}
