/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls and arguments that only 64-bit guests have.
 */
#include "shared/hostile.h"

HOSTILE("A 32-bit guest has no segment bases, no fourth level and no root of user mode.");

void scenario_main(const struct start_page *start)
{
    uint64_t frame = frame_allocate();

    frame_make_read_only(frame);
    EXPECT_CALL(raw_call(HC_base_set, BASE_fs, 0, 0), no_such_call);
    EXPECT_CALL(raw_call(HC_base_get, BASE_gs_user, 0, 0), no_such_call);
    EXPECT_CALL(hypercall_table_pin(frame_to_machine(frame), 4), invalid_argument);
    EXPECT_CALL(hypercall_roots_set(start->kernel_root_frame, start->kernel_root_frame),
                invalid_argument);
}
