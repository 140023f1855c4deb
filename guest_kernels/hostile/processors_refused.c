/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor is started that runs, with contexts that cannot run; the last one stops itself
 * later.
 */
#include "shared/hostile.h"

HOSTILE("A running virtual processor cannot be started.");

void scenario_main(const struct start_page *start)
{
    struct processor_context context = {0};

    EXPECT_CALL(raw_call(HC_processor_start, 0, (uintptr_t)&context, 0), wrong_state);
    EXPECT_CALL(raw_call(HC_processor_start, 0, UNMAPPED, 0), wrong_state);
    EXPECT_CALL(
        raw_call(HC_processor_start, start->virtual_processor_count, (uintptr_t)&context, 0),
        not_found);
    EXPECT_CALL(raw_call(HC_processor_stop, start->virtual_processor_count, 0, 0), not_found);
}
