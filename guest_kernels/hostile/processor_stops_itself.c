/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only virtual processor stops itself: nothing of the partition can run again.
 */
#include "shared/hostile.h"

HOSTILE("A partition whose last processor stops itself has ended.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    (void)hypercall_processor_stop(0);
    scenario_failure("a stopped processor went on");
}
