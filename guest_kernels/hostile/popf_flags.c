/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `popf` in the guest's ring: what it may not change it changes silently, or not at all.
 */
#include "shared/hostile.h"
#include "shared/frame.h"

HOSTILE("popf changes neither the interrupt flag nor I/O privilege, nor virtual 8086 mode.");

void scenario_main(const struct start_page *start)
{
    uintptr_t flags = flags_exchange(~(uintptr_t)FLAG_TRAP);

    (void)start;
    EXPECT((flags & FLAGS_NEVER) == 0, "flags 0x%llx", (unsigned long long)flags);
    EXPECT((flags & FLAG_INTERRUPT) != 0, "interrupts are off");
    flags = flags_exchange(0);
    EXPECT((flags & FLAG_INTERRUPT) != 0, "interrupts were switched off");
    EXPECT_CALL(hypercall_version(), none);
}
