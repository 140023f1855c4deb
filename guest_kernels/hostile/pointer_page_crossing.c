/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers of which the first byte is mapped and the last is not.
 */
#include "shared/hostile.h"

HOSTILE("A buffer that runs into an unmapped page is a fault, and not a byte is moved.");

static void reach_try(uintptr_t address, uint32_t size_bytes)
{
    EXPECT_CALL(raw_call(HC_console_write, address, size_bytes, 0), fault);
    EXPECT_CALL(raw_call(HC_console_read, address, size_bytes, 0), fault);
    EXPECT_CALL(raw_call(HC_partition_exit, 0, address, size_bytes), fault);
}

void scenario_main(const struct start_page *start)
{
    const uintptr_t end = (uintptr_t)SCRATCH + PAGE_SIZE_BYTES;

    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    reach_try(end - 1, 2);
    reach_try(end - 100, 101);
    EXPECT_CALL(hypercall_view_get(VIEW_RECORD_partition, 0, (void *)(end - 8), PAGE_SIZE_BYTES),
                fault);
    EXPECT_CALL(raw_call(HC_trap_handlers_set, end - 8, 1, 0), fault);
    EXPECT_CALL(raw_call(HC_table_update, end - 8, 1, 0), fault);
    for (uint32_t distance = 1; distance <= 100; distance++) {
        EXPECT(*(const volatile uint8_t *)(end - distance) == 0, "a byte was written");
    }
    EXPECT_CALL(raw_call(HC_console_write, end - 1, 1, 0), none);
}
