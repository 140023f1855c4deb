/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory through the guest's own tables: rights, marks, pages, all or nothing. */
#include <string.h>

#include "check.h"
#include "fake.h"

#define LEVEL_OFFSETS {OFFSET_L1, OFFSET_L2, OFFSET_L3, OFFSET_L4}

/* The entry of each level on the way to a page of partition 1. */
static uint64_t *level_entry(uint32_t level, uint32_t offset)
{
    static const uint32_t slots[4] = {0, 2, 0, 0};
    static const uint32_t tables[4] = LEVEL_OFFSETS;

    return &fake_words(1, tables[level - 1])[level == 1 ? offset : slots[level - 1]];
}

static void read_marks_accessed(void)
{
    struct virtual_processor *record = fake_simple();

    memcpy(fake_guest(1, GUEST_DATA + 7), "hello", 5);
    CHECK_EQUAL(fake_call(record, HC_console_write, GUEST_DATA + 7, 5, 0, 0), 5);
    CHECK_EQUAL(fake_console_output_size, 5);
    CHECK(memcmp(fake_console_output, "hello", 5) == 0);
    CHECK_EQUAL(*level_entry(1, OFFSET_DATA),
                ENTRY_OF(fake_frame(1, OFFSET_DATA), ENTRY_DATA | ENTRY_ACCESSED));
    for (uint32_t level = 2; level <= 4; level++) {
        CHECK_EQUAL(*level_entry(level, 0),
                    ENTRY_OF(fake_frame(1, level - 2), ENTRY_TABLE | ENTRY_ACCESSED));
    }
    CHECK_EQUAL(*level_entry(1, OFFSET_DATA + 1),
                ENTRY_OF(fake_frame(1, OFFSET_DATA + 1), ENTRY_DATA));
}

static void write_marks_leaf_dirty(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_extent, 0, GUEST_DATA + 16, 64),
                sizeof(struct view_extent));
    CHECK(memcmp(fake_guest(1, GUEST_DATA + 16), &fake_view()->extents[0],
                 sizeof(struct view_extent)) == 0);
    CHECK_EQUAL(*level_entry(1, OFFSET_DATA),
                ENTRY_OF(fake_frame(1, OFFSET_DATA), ENTRY_DATA | ENTRY_ACCESSED | ENTRY_DIRTY));
    for (uint32_t level = 2; level <= 4; level++) {
        CHECK_EQUAL(*level_entry(level, 0),
                    ENTRY_OF(fake_frame(1, level - 2), ENTRY_TABLE | ENTRY_ACCESSED));
    }
}

/* Whatever level denies it, nothing changes. The entries are spoilt behind the monitor's back. */
static void every_level_is_checked(void)
{
    struct virtual_processor *record = fake_simple();

    for (uint32_t level = 1; level <= 4; level++) {
        uint64_t *entry = level_entry(level, OFFSET_DATA);
        uint64_t good = *entry;

        *entry = good & ~(uint64_t)ENTRY_PRESENT;
        CHECK(fake_refused(record, ERROR_fault, HC_console_write, GUEST_DATA, 1, 0, 0));
        *entry = good & ~(uint64_t)ENTRY_USER;
        CHECK(fake_refused(record, ERROR_fault, HC_console_write, GUEST_DATA, 1, 0, 0));
        *entry = good | ENTRY_LARGE;
        CHECK(fake_refused(record, ERROR_fault, HC_console_write, GUEST_DATA, 1, 0, 0));
        *entry = (good & ~ENTRY_FRAME_MASK) | ENTRY_OF(FAKE_FRAME_COUNT, 0);
        CHECK(fake_refused(record, ERROR_fault, HC_console_write, GUEST_DATA, 1, 0, 0));
        *entry = good & ~(uint64_t)ENTRY_WRITABLE;
        CHECK(fake_refused(record, ERROR_fault, HC_console_read, GUEST_DATA, 1, 0, 0));
        CHECK_EQUAL(fake_call(record, HC_console_write, GUEST_DATA, 1, 0, 0), 1);
        *entry = good;
    }
    CHECK_EQUAL(fake_call(record, HC_console_write, GUEST_DATA, 1, 0, 0), 1);
}

static void addresses_outside_are_faults(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK(fake_refused(record, ERROR_fault, HC_console_write, NOT_CANONICAL, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, 0xffff7fffffffffff, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, MONITOR_SLOTS_ADDRESS, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, 0xffff87ffffffffff, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, 0, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, ~0ull, 4096, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_table_update, ~0ull - 15, 2, 0, 0));
    /* No bit is left out: none of these means the page that its lower bits name. */
    for (uint32_t bit = 47; bit < 64; bit++) {
        CHECK(
            fake_refused(record, ERROR_fault, HC_console_write, GUEST_DATA | 1ull << bit, 1, 0, 0));
    }
}

/* The last page of all and the first are mapped, as data and as something readable. */
static void range_does_not_wrap(void)
{
    struct virtual_processor *record = fake_simple();

    fake_words(1, OFFSET_L4)[511] = ENTRY_OF(fake_frame(1, OFFSET_L3), ENTRY_TABLE);
    fake_words(1, OFFSET_L3)[511] = ENTRY_OF(fake_frame(1, OFFSET_L2), ENTRY_TABLE);
    fake_words(1, OFFSET_L2)[511] = ENTRY_OF(fake_frame(1, OFFSET_L1), ENTRY_TABLE);
    fake_words(1, OFFSET_L2)[0] = ENTRY_OF(fake_frame(1, OFFSET_L1), ENTRY_TABLE);
    *fake_entry(1, 511) = ENTRY_OF(fake_frame(1, OFFSET_DATA), ENTRY_DATA);
    CHECK_EQUAL(fake_call(record, HC_console_write, 0, 4, 0, 0), 4);
    CHECK_EQUAL(fake_call(record, HC_console_write, ~0ull - 3, 4, 0, 0), 4);
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, ~0ull - 3, 5, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_trap_handlers_set, ~0ull - 15, 2, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_table_update, ~0ull - 15, 0, 0, 0), 0);
}

/* The page before the hole is there, the hole is not: a failed call writes neither. */
static void range_across_pages_is_all_or_nothing(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t edge = GUEST_HOLE - 8;

    fake_console_input_size = 16;
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, edge, 9, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_read, edge, 9, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_view_get, VIEW_RECORD_extent, 0, edge, 64));
    CHECK(fake_refused(record, ERROR_fault, HC_partition_exit, 1, edge, 9, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_trap_handlers_set, edge, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_table_update, edge, 1, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_console_write, edge, 8, 0, 0), 8);
}

static void range_across_pages_is_copied(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t edge = GUEST_DATA + PAGE_SIZE_BYTES - 8;

    /* The two pages are not neighbours in machine memory. */
    uint64_t second = *level_entry(1, OFFSET_DATA + 1);
    *level_entry(1, OFFSET_DATA + 1) = *level_entry(1, OFFSET_DATA + 5);
    *level_entry(1, OFFSET_DATA + 5) = second;
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_extent, 0, edge, 64),
                sizeof(struct view_extent));
    CHECK(memcmp(fake_guest(1, edge), &fake_view()->extents[0], 8) == 0);
    CHECK(memcmp(fake_guest(1, GUEST_DATA + 5 * PAGE_SIZE_BYTES),
                 (const uint8_t *)&fake_view()->extents[0] + 8,
                 sizeof(struct view_extent) - 8) == 0);
    CHECK_EQUAL(fake_call(record, HC_console_write, edge, 4096, 0, 0), 4096);
    CHECK_EQUAL(fake_log_count(FAKE_CONSOLE_WRITE), 2);
    CHECK_EQUAL(fake_log_get(FAKE_CONSOLE_WRITE, 0).values[2], 8);
    CHECK_EQUAL(fake_log_get(FAKE_CONSOLE_WRITE, 1).values[1], fake_frame(1, OFFSET_DATA + 5)
                                                                   << PAGE_SHIFT);
    CHECK_EQUAL(fake_log_get(FAKE_CONSOLE_WRITE, 1).values[2], 4088);
}

static void nothing_is_asked_of_an_empty_range(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_console_write, NOT_CANONICAL, 0, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_console_read, 0, 0, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_table_update, 1, 0, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_trap_handlers_set, ~0ull, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_total(), 0);
}

static const struct test tests[] = {
    {"read_marks_accessed", read_marks_accessed},
    {"write_marks_leaf_dirty", write_marks_leaf_dirty},
    {"every_level_is_checked", every_level_is_checked},
    {"addresses_outside_are_faults", addresses_outside_are_faults},
    {"range_does_not_wrap", range_does_not_wrap},
    {"range_across_pages_is_all_or_nothing", range_across_pages_is_all_or_nothing},
    {"range_across_pages_is_copied", range_across_pages_is_copied},
    {"nothing_is_asked_of_an_empty_range", nothing_is_asked_of_an_empty_range},
    {0, 0},
};

const struct suite suite_memory = {"memory", tests};
