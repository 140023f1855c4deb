/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor is asked to write where the guest may not: onto code, tables and given pages.
 */
#include "shared/hostile.h"

HOSTILE("Calls that write refuse pages that their caller cannot write.");

static void target_try(const char *name, uintptr_t address)
{
    int64_t result = hypercall_view_get(VIEW_RECORD_partition, 0, (void *)address, PAGE_SIZE_BYTES);

    EXPECT(result == -ERROR_fault, "%s: view_get returned %s", name, error_name(result));
    result = hypercall_console_read((void *)address, 1);
    EXPECT(result == -ERROR_fault, "%s: console_read returned %s", name, error_name(result));
}

void scenario_main(const struct start_page *start)
{
    target_try("code", (uintptr_t)scenario_main);
    target_try("a table", (uintptr_t)frame_pointer(kernel_root()));
    target_try("the start page", (uintptr_t)start);
    target_try("the time page", (uintptr_t)start->time_page_address);
    target_try("the hypercall page", (uintptr_t)start->hypercall_page_address);
}
