/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers that begin high and end low.
 */
#include "shared/hostile.h"

HOSTILE("A buffer that wraps round the end of the address space is a fault.");

void scenario_main(const struct start_page *start)
{
    (void)start;
    EXPECT_CALL(raw_call(HC_console_write, UINTPTR_MAX - 4, 10, 0), fault);
    EXPECT_CALL(raw_call(HC_console_read, UINTPTR_MAX - 4, 10, 0), fault);
    EXPECT_CALL(raw_call(HC_trap_handlers_set, UINTPTR_MAX - 4, TRAP_VECTOR_LIMIT, 0), fault);
    EXPECT_CALL(raw_call(HC_table_update, UINTPTR_MAX - 4, TABLE_UPDATE_LIMIT, 0), fault);
    EXPECT_CALL(raw_call(HC_partition_exit, 0, UINTPTR_MAX - 4, 10), fault);
}
