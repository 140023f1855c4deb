/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapping, tables and accesses of the hostile scenarios: see hostile.h.
 */
#include "hostile.h"

#include "bytes.h"

#define SLOT_BITS 9

uint64_t entry_of(uint64_t frame, uint64_t flags)
{
    return frame_to_machine(frame) << PAGE_SHIFT | flags;
}

uint64_t entry_address(uint64_t table, uint32_t slot)
{
    return (frame_to_machine(table) << PAGE_SHIFT) + slot * sizeof(uint64_t);
}

uint64_t kernel_root(void)
{
    return frame_from_machine(start_page->kernel_root_frame);
}

uint32_t root_level(void)
{
    return sizeof(uintptr_t) == 8 ? 4 : 3;
}

uint32_t table_slot(uint64_t address, uint32_t level)
{
    return (uint32_t)(address >> (PAGE_SHIFT + SLOT_BITS * (level - 1))) % TABLE_ENTRY_COUNT;
}

uint64_t table_over(uint64_t address, uint32_t level)
{
    uint64_t table = kernel_root();

    for (uint32_t above = root_level(); above > level; above--) {
        const volatile uint64_t *entries = frame_pointer(table);
        uint64_t entry = entries[table_slot(address, above)];

        CHECK((entry & ENTRY_PRESENT) != 0);
        table = frame_from_machine((entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT);
    }
    return table;
}

void page_map(uint64_t address, uint64_t frame, uint64_t flags)
{
    space_entry_set(kernel_root(), address, entry_of(frame, flags));
}

uint64_t table_make(uint32_t level)
{
    uint64_t table = frame_allocate();

    frame_make_read_only(table);
    CALL(hypercall_table_pin(frame_to_machine(table), level));
    return table;
}

int64_t entry_set(uint64_t table, uint32_t slot, uint64_t value)
{
    const struct table_update update = {
        .entry_address = entry_address(table, slot),
        .value = value,
    };

    return hypercall_table_update(&update, 1);
}

/* mov $number, %eax; ret: the same bytes in both widths. */
void code_write(uint64_t frame, uint8_t number)
{
    const uint8_t code[] = {0xb8, number, 0, 0, 0, 0xc3};

    memcpy(frame_pointer(frame), code, sizeof(code));
}

uint64_t frame_before(uint64_t distance)
{
    return start_page->extents[0].machine_frame - distance;
}

uint64_t frame_behind(uint64_t distance)
{
    const struct extent *last = &start_page->extents[start_page->extent_count - 1];

    return last->machine_frame + last->frame_count - 1 + distance;
}

void byte_read(uintptr_t address)
{
    (void)*(const volatile uint8_t *)address;
}

void byte_write(uintptr_t address)
{
    *(volatile uint8_t *)address = 0xcc;
}

void code_run(uintptr_t address)
{
    ((void (*)(void))address)();
}
