/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every call that takes a pointer gets pointers to nothing.
 */
#include "shared/hostile.h"

HOSTILE("A pointer to what is not mapped is a fault, in every call that takes one.");

static void pointer_try(uintptr_t address)
{
    EXPECT_CALL(raw_call(HC_console_write, address, 8, 0), fault);
    EXPECT_CALL(raw_call(HC_console_read, address, 8, 0), fault);
    EXPECT_CALL(raw_call(HC_partition_exit, 0, address, 8), fault);
    EXPECT_CALL(raw_call(HC_trap_handlers_set, address, 1, 0), fault);
    EXPECT_CALL(raw_call(HC_table_update, address, 1, 0), fault);
    EXPECT_CALL(hypercall_view_get(VIEW_RECORD_partition, 0, (void *)address, PAGE_SIZE_BYTES),
                fault);
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    pointer_try(0);
    pointer_try(1);
    pointer_try(UNMAPPED);
    pointer_try(UNMAPPED + PAGE_SIZE_BYTES - 1);
    pointer_try(UINTPTR_MAX);
    pointer_try(UINTPTR_MAX - 7);
}
