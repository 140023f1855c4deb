/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sgdt` and `sidt` say where the processor's tables are: whoever writes them owns the
 * machine.
 */
#include "shared/hostile.h"

HOSTILE("The descriptor tables can be found, and neither read nor written.");

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static void table_try(const struct table_register *table)
{
    expect_page_fault("a load", byte_read, table->base, PAGE_FAULT_PRESENT);
    expect_page_fault("a store", byte_write, table->base + 8,
                      PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE);
}

void scenario_main(const struct start_page *start)
{
    struct table_register table;

    (void)start;
    __asm__ volatile("sgdt %0" : "=m"(table));
    table_try(&table);
    __asm__ volatile("sidt %0" : "=m"(table));
    table_try(&table);
}
