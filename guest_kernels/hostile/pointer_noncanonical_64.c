/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pointers into the hole between the two halves of the address space, and into the monitor's
 * slots.
 */
#include "shared/hostile.h"

HOSTILE("A non-canonical pointer, or one into the monitor, is a fault in every call.");

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
    pointer_try(0x0000800000000000);
    pointer_try(0x00007ffffffffffc);
    pointer_try(0x7fffffffffffffff);
    pointer_try(0x8000000000000000);
    pointer_try(0xffff7ffffffffffc);
    pointer_try(0xffff800000000000);
    pointer_try(0xffff800000300000);
    pointer_try(0xffff87fffffffffc);
}
