/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the building of page tables. Every table is pinned empty and linked
 * afterwards, so a pin never has entries to validate; a table is read through the
 * direct map and written through the monitor. What a root holds beside the space's own
 * tables is known to root_64.c and root_32.c.
 */
#include "tables.h"

#include "check.h"
#include "hypercall.h"
#include "memory.h"
#include "root.h"

#define SLOT_BITS 9

static uint32_t slot_of(uint64_t address, uint32_t level)
{
    return (uint32_t)(address >> (PAGE_SHIFT + SLOT_BITS * (level - 1))) % TABLE_ENTRY_COUNT;
}

static uint64_t frame_of(uint64_t entry)
{
    return frame_from_machine((entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT);
}

uint64_t slot_read(uint64_t table, uint32_t slot)
{
    const volatile uint64_t *entries = frame_pointer(table);

    return entries[slot];
}

static int64_t slot_try(uint64_t table, uint32_t slot, uint64_t value)
{
    const struct table_update update = {
        .entry_address = (frame_to_machine(table) << PAGE_SHIFT) + slot * sizeof(uint64_t),
        .value = value,
    };

    return hypercall_table_update(&update, 1);
}

void slot_write(uint64_t table, uint32_t slot, uint64_t value)
{
    CALL(slot_try(table, slot, value));
}

static uint64_t table_create(uint32_t level)
{
    uint64_t table = frame_allocate();

    frame_make_read_only(table);
    CALL(hypercall_table_pin(frame_to_machine(table), level));
    return table;
}

uint64_t space_create(void)
{
    uint64_t root = table_create(ROOT_LEVEL);

    root_fill(root);
    return root;
}

/* The level-1 table over an address; where there is none, a new one or 0. */
static uint64_t table_over(uint64_t root, uint64_t address, int create)
{
    uint64_t table = root;

    for (uint32_t level = ROOT_LEVEL; level > 1; level--) {
        uint32_t slot = slot_of(address, level);
        uint64_t entry = slot_read(table, slot);

        if ((entry & ENTRY_PRESENT) != 0) {
            table = frame_of(entry);
        } else if (create) {
            uint64_t lower = table_create(level - 1);

            slot_write(table, slot, frame_to_machine(lower) << PAGE_SHIFT | LINK_FLAGS);
            table = lower;
        } else {
            return 0;
        }
    }
    return table;
}

uint64_t space_entry(uint64_t root, uint64_t address)
{
    uint64_t table = table_over(root, address, 0);

    return table == 0 ? 0 : slot_read(table, slot_of(address, 1));
}

int64_t space_entry_try(uint64_t root, uint64_t address, uint64_t entry)
{
    uint64_t table = table_over(root, address, entry != 0);
    uint64_t old;
    int64_t result;

    if (table == 0) {
        return 0;
    }
    old = slot_read(table, slot_of(address, 1));
    result = slot_try(table, slot_of(address, 1), entry);
    if (result >= 0 && (old & ENTRY_PRESENT) != 0) {
        CALL(hypercall_translation_flush(address));
    }
    return result;
}

void space_entry_set(uint64_t root, uint64_t address, uint64_t entry)
{
    CALL(space_entry_try(root, address, entry));
}

/* A table is unpinned before the lower ones: what it references stays in use until then. */
static void table_destroy(uint64_t table, uint32_t level, space_entry_function *function)
{
    CALL(hypercall_table_unpin(frame_to_machine(table)));
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        uint64_t entry = slot_read(table, slot);

        if ((entry & ENTRY_PRESENT) == 0 || (level == ROOT_LEVEL && !root_slot_is_own(slot))) {
            continue;
        }
        if (level > 1) {
            table_destroy(frame_of(entry), level - 1, function);
        } else {
            function(entry);
        }
    }
    frame_make_writable(table);
    frame_free(table);
}

void space_destroy(uint64_t root, space_entry_function *function)
{
    table_destroy(root, ROOT_LEVEL, function);
}
