/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second virtual processor is to begin where none can: without a root, on a foreign one,
 * nowhere.
 */
#include "shared/hostile.h"
#include "shared/context.h"

HOSTILE("A processor is not started on roots that are not the guest's, or are none.");

void scenario_main(const struct start_page *start)
{
    uint64_t table = table_make(root_level() - 1);

    if (start->virtual_processor_count < 2) {
        scenario_skip("it needs two virtual processors");
    }
    EXPECT_CALL(context_try(0), not_owner);
    EXPECT_CALL(context_try(0x300), not_owner);
    EXPECT_CALL(context_try(frame_before(1)), not_owner);
    EXPECT_CALL(context_try(~0ull), not_owner);
    EXPECT_CALL(context_try(frame_to_machine(table)), type_conflict);
    EXPECT_CALL(context_try(frame_to_machine(frame_allocate())), type_conflict);
    EXPECT_CALL(raw_call(HC_processor_start, 1, UNMAPPED, 0), fault);
    EXPECT_CALL(raw_call(HC_processor_stop, 1, 0, 0), wrong_state);
}
