/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts at N, at N + 1, and so large that their product with a size is small.
 */
#include "shared/hostile.h"

HOSTILE("Counts are accepted up to their limit, and refused above it.");

static uint8_t room[CONSOLE_LIMIT];

static void limit_try(uint64_t number, uint32_t limit)
{
    EXPECT_CALL(raw_call(number, (uintptr_t)room, limit + 1, 0), limit);
    EXPECT_CALL(raw_call(number, (uintptr_t)room, UINTPTR_MAX, 0), limit);
    EXPECT_CALL(raw_call(number, (uintptr_t)room, UINTPTR_MAX / 16 + 1, 0), limit);
    EXPECT_CALL(raw_call(number, (uintptr_t)room, UINTPTR_MAX / 2 + 1, 0), limit);
    EXPECT_CALL(raw_call(number, (uintptr_t)room, 0, 0), none);
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    limit_try(HC_console_write, CONSOLE_LIMIT);
    limit_try(HC_console_read, CONSOLE_LIMIT);
    limit_try(HC_trap_handlers_set, TRAP_VECTOR_LIMIT);
    limit_try(HC_table_update, TABLE_UPDATE_LIMIT);
    limit_try(HC_frames_release, FRAMES_RELEASE_LIMIT);
    EXPECT_CALL(raw_call(HC_console_write, (uintptr_t)room, CONSOLE_LIMIT, 0), none);
    EXPECT_CALL(raw_call(HC_console_read, (uintptr_t)room, CONSOLE_LIMIT, 0), none);
    EXPECT_CALL(raw_call(HC_partition_exit, 0, (uintptr_t)room, EXIT_REASON_LIMIT), limit);
    EXPECT_CALL(raw_call(HC_partition_exit, 0, (uintptr_t)room, UINTPTR_MAX), limit);
}
