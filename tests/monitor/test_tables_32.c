/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of 32-bit guests: a level-3 root of four entries below a table of the monitor's. */
#include <string.h>

#include "check.h"
#include "fake_32.h"
#include "guest_memory.h"

#define TABLE_OFFSET (OFFSET_FREE + 1)
#define ROOT_BITS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_ACCESSED)

static uint64_t frame_at(uint32_t offset)
{
    return fake_frame(1, offset);
}

/* The initial tables are mapped read-only, too: that refers to them, and needs no type. */
static void check_frame(uint32_t offset, enum frame_type type, uint32_t count)
{
    const struct frame *frame = frame_get(frame_at(offset));

    CHECK_EQUAL(frame->type, type);
    CHECK_EQUAL(frame->type_count, count);
    CHECK_EQUAL(frame->reference_count, count + (offset <= OFFSET_L4));
}

static int64_t update_call(struct virtual_processor *record, uint32_t table_offset, uint32_t slot,
                           uint64_t value)
{
    *(struct table_update *)fake_guest(1, GUEST_DATA) =
        (struct table_update){(frame_at(table_offset) << PAGE_SHIFT) + slot * 8ull, value};
    return fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0);
}

static bool update_refused(struct virtual_processor *record, enum error error,
                           uint32_t table_offset, uint32_t slot, uint64_t value)
{
    *(struct table_update *)fake_guest(1, GUEST_DATA) =
        (struct table_update){(frame_at(table_offset) << PAGE_SHIFT) + slot * 8ull, value};
    return fake_refused(record, error, HC_table_update, GUEST_DATA, 1, 0, 0);
}

/* mapping_update with its entry in two registers. */
static int64_t map_call(struct virtual_processor *record, uint64_t address, uint64_t value)
{
    return fake_call(record, HC_mapping_update, address, (uint32_t)value, value >> 32, 0);
}

static bool map_refused(struct virtual_processor *record, enum error error, uint64_t address,
                        uint64_t value)
{
    return fake_refused(record, error, HC_mapping_update, address, (uint32_t)value, value >> 32, 0);
}

/* The monitor's level-4 table of a virtual processor: its slots, the guest's root, else nothing. */
static void check_monitor_table(uint32_t id, uint64_t root_frame)
{
    const uint64_t *entries = machine_pointer(MONITOR_ROOTS_ADDRESS + id * 0x1000ull);
    uint64_t root = root_frame != 0 ? ENTRY_OF(root_frame, ROOT_BITS) : 0;

    CHECK_EQUAL(record_get(id)->root_address, MONITOR_ROOTS_ADDRESS + id * 0x1000ull);
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        bool monitors = slot >= MONITOR_SLOT_FIRST && slot < MONITOR_SLOT_FIRST + 16;
        uint64_t expected =
            monitors ? monitor_state()->monitor_entries[slot - MONITOR_SLOT_FIRST] : 0;

        CHECK_EQUAL(entries[slot], slot == 0 ? root : expected);
    }
}

static void initial_tables_are_counted(void)
{
    (void)fake_simple_32();
    check_frame(OFFSET_L1, FRAME_TABLE_1, 2);
    check_frame(OFFSET_L2, FRAME_TABLE_2, 2);
    check_frame(OFFSET_L3, FRAME_TABLE_3, 2); /* pin and root */
    /* What would be level 4 is an ordinary frame, which something maps. */
    CHECK_EQUAL(frame_get(frame_at(OFFSET_L4))->type, FRAME_NONE);
    check_monitor_table(0, frame_at(OFFSET_L3));
    CHECK_EQUAL(frame_get(MONITOR_ROOTS_ADDRESS >> PAGE_SHIFT)->owner, FRAME_OWNER_MONITOR);
    /* A 64-bit guest's record has a root of its own, and nothing is kept for it. */
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        CHECK_EQUAL(((uint64_t *)machine_pointer(MONITOR_ROOTS_ADDRESS + 0x1000))[slot], 0);
    }
}

static void levels_end_at_3(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t table = frame_at(TABLE_OFFSET);

    for (uint32_t level = 4; level <= 6; level++) {
        CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, level, 0, 0));
    }
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, ~0u, 0, 0));
    for (uint32_t level = 1; level <= 3; level++) {
        CHECK_EQUAL(fake_call(record, HC_table_pin, table, level, 0, 0), 0);
        check_frame(TABLE_OFFSET, (enum frame_type)(FRAME_TABLE_1 + level - 1), 1);
        CHECK_EQUAL(fake_call(record, HC_table_unpin, table, 0, 0, 0), 0);
    }
    record = fake_simple();
    CHECK_EQUAL(fake_call(record, HC_table_pin, table, 4, 0, 0), 0);
}

/* Whatever lies there, even if it is not present. */
static void root_has_four_entries(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t table = frame_at(TABLE_OFFSET);
    uint64_t child = ENTRY_OF(frame_at(OFFSET_L2), ENTRY_TABLE);
    uint64_t *words = fake_words(1, TABLE_OFFSET);

    for (uint32_t slot = ROOT_ENTRY_COUNT_32; slot < TABLE_ENTRY_COUNT; slot++) {
        words[0] = child;
        words[slot] = slot % 2 == 0 ? child : ENTRY_SOFTWARE;
        CHECK_EQUAL(fake_call(record, HC_table_pin, table, 3, 0, 0), -ERROR_invalid_argument);
        check_frame(OFFSET_L2, FRAME_TABLE_2, 2);
        if (slot % 64 == ROOT_ENTRY_COUNT_32) {
            CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, 3, 0, 0));
        }
        words[slot] = 0;
    }
    for (uint32_t slot = 0; slot < ROOT_ENTRY_COUNT_32; slot++) {
        words[slot] = child;
    }
    CHECK_EQUAL(fake_call(record, HC_table_pin, table, 3, 0, 0), 0);
    check_frame(OFFSET_L2, FRAME_TABLE_2, 6);
    check_frame(TABLE_OFFSET, FRAME_TABLE_3, 1);
    CHECK_EQUAL(fake_call(record, HC_table_unpin, table, 0, 0, 0), 0);
    check_frame(OFFSET_L2, FRAME_TABLE_2, 2);
    CHECK_EQUAL(words[3], child); /* its content is the guest's, as before */
}

static void closed_entries_stay_0(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t child = ENTRY_OF(frame_at(OFFSET_L2), ENTRY_TABLE);

    for (uint32_t slot = ROOT_ENTRY_COUNT_32; slot < TABLE_ENTRY_COUNT; slot++) {
        CHECK_EQUAL(update_call(record, OFFSET_L3, slot, child), -ERROR_invalid_argument);
        if (slot % 64 == ROOT_ENTRY_COUNT_32) {
            CHECK(update_refused(record, ERROR_invalid_argument, OFFSET_L3, slot, child));
        }
    }
    check_frame(OFFSET_L2, FRAME_TABLE_2, 2);
    CHECK(update_refused(record, ERROR_invalid_argument, OFFSET_L3, 4, 0));
    CHECK(update_refused(record, ERROR_invalid_argument, OFFSET_L3, 511, ENTRY_SOFTWARE));
    for (uint32_t slot = 1; slot < ROOT_ENTRY_COUNT_32; slot++) {
        CHECK_EQUAL(update_call(record, OFFSET_L3, slot, child), 0);
    }
    check_frame(OFFSET_L2, FRAME_TABLE_2, 5);
    /* The same page at four places of the 4 GiB. */
    CHECK_EQUAL(guest_memory_address(record, 3 * (1ull << 30) + GUEST_DATA, GUEST_READ),
                frame_at(OFFSET_DATA) << PAGE_SHIFT);
    /* Levels 1 and 2, and level 3 of a 64-bit guest, have no closed slots. */
    CHECK_EQUAL(update_call(record, OFFSET_L1, 511, 0), 0);
    CHECK_EQUAL(update_call(record, OFFSET_L2, 511, 0), 0);
    record = fake_simple();
    CHECK_EQUAL(update_call(record, OFFSET_L3, 511, child), 0);
    CHECK(update_refused(record, ERROR_invalid_argument, OFFSET_L4, 256, 0));
}

static void user_bit_is_a_choice(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t hole = frame_at(OFFSET_HOLE);
    uint64_t supervisor = ENTRY_DATA & ~(uint64_t)ENTRY_USER;

    CHECK_EQUAL(map_call(record, GUEST_HOLE, ENTRY_OF(hole, supervisor)), 0);
    check_frame(OFFSET_HOLE, FRAME_WRITABLE, 1);
    CHECK_EQUAL(guest_memory_address(record, GUEST_HOLE, GUEST_WRITE), hole << PAGE_SHIFT);
    CHECK_EQUAL(update_call(record, OFFSET_L2, 2,
                            ENTRY_OF(frame_at(OFFSET_L1), ENTRY_PRESENT | ENTRY_WRITABLE)),
                0);
    CHECK_EQUAL(update_call(record, OFFSET_L3, 0,
                            ENTRY_OF(frame_at(OFFSET_L2), ENTRY_PRESENT | ENTRY_WRITABLE)),
                0);
    CHECK_EQUAL(fake_call(record, HC_console_write, GUEST_HOLE, 8, 0, 0), 8);
    fake_words(1, TABLE_OFFSET)[5] = ENTRY_OF(hole, supervisor);
    CHECK_EQUAL(fake_call(record, HC_table_pin, frame_at(TABLE_OFFSET), 1, 0, 0), 0);
    check_frame(OFFSET_HOLE, FRAME_WRITABLE, 2);
    /* Supervisor or not: what is not writable is not written, what is executable never. */
    CHECK_EQUAL(map_call(record, GUEST_HOLE, ENTRY_OF(hole, ENTRY_PRESENT | ENTRY_NO_EXECUTE)), 0);
    CHECK_EQUAL(guest_memory_address(record, GUEST_HOLE, GUEST_WRITE), 0);
    CHECK(map_refused(record, ERROR_type_conflict, GUEST_HOLE,
                      ENTRY_OF(hole, ENTRY_PRESENT | ENTRY_WRITABLE)));
}

static void entries_are_refused_as_in_64_bits(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t hole = frame_at(OFFSET_HOLE);
    static const uint64_t bad_bits[] = {ENTRY_LARGE, 0x100, 1ull << 52, 1ull << 62};

    for (uint32_t index = 0; index < sizeof(bad_bits) / sizeof(bad_bits[0]); index++) {
        CHECK(map_refused(record, ERROR_invalid_argument, GUEST_HOLE,
                          ENTRY_OF(hole, ENTRY_READ | bad_bits[index])));
    }
    CHECK(map_refused(record, ERROR_not_owner, GUEST_HOLE,
                      ENTRY_OF(fake_frame(2, OFFSET_DATA), ENTRY_READ)));
    CHECK(map_refused(record, ERROR_not_owner, GUEST_HOLE,
                      ENTRY_OF(MONITOR_ROOTS_ADDRESS >> PAGE_SHIFT, ENTRY_DATA)));
    for (uint32_t offset = OFFSET_L1; offset <= OFFSET_L3; offset++) {
        CHECK(map_refused(
            record, ERROR_type_conflict, GUEST_HOLE,
            ENTRY_OF(frame_at(offset), ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_NO_EXECUTE)));
    }
    CHECK(map_refused(record, ERROR_not_found, 0xfffff000, 0));
    CHECK(map_refused(record, ERROR_not_found, 0, 0));
    CHECK(map_refused(record, ERROR_invalid_argument, GUEST_HOLE + 1, 0));
    CHECK(update_refused(record, ERROR_type_conflict, OFFSET_L3, 1,
                         ENTRY_OF(frame_at(OFFSET_L1), ENTRY_TABLE)));
    CHECK(update_refused(record, ERROR_type_conflict, OFFSET_L3, 1,
                         ENTRY_OF(frame_at(OFFSET_L3), ENTRY_TABLE)));
}

/* A second root that maps the same. */
static uint64_t second_root(struct virtual_processor *record)
{
    fake_words(1, TABLE_OFFSET)[0] = ENTRY_OF(frame_at(OFFSET_L2), ENTRY_TABLE);
    CHECK_EQUAL(fake_call(record, HC_table_pin, frame_at(TABLE_OFFSET), 3, 0, 0), 0);
    fake_log_clear();
    return frame_at(TABLE_OFFSET);
}

static void roots_set_hangs_in_another_root(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t root = second_root(record);

    CHECK_EQUAL(fake_call(record, HC_roots_set, root, 0, 0, 0), 0);
    CHECK_EQUAL(record->kernel_root_frame, root);
    check_monitor_table(0, root);
    check_frame(OFFSET_L3, FRAME_TABLE_3, 1);
    check_frame(TABLE_OFFSET, FRAME_TABLE_3, 2);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_ROOT_LOAD, 0).values[1], root);
    CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, root, 0, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_table_unpin, frame_at(OFFSET_L3), 0, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_roots_set, root, 0, 0, 0), 0); /* the one it has */
    check_frame(TABLE_OFFSET, FRAME_TABLE_3, 2);
    check_monitor_table(0, root);
}

static void roots_are_refused(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t root = second_root(record);
    uint64_t others[] = {root, frame_at(OFFSET_L3), frame_at(OFFSET_L2), 1, 0xffffffff};

    for (uint32_t index = 0; index < sizeof(others) / sizeof(others[0]); index++) {
        CHECK(
            fake_refused(record, ERROR_invalid_argument, HC_roots_set, root, others[index], 0, 0));
    }
    CHECK(fake_refused(record, ERROR_type_conflict, HC_roots_set, frame_at(OFFSET_L2), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_roots_set, frame_at(OFFSET_L4), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_roots_set, frame_at(OFFSET_HOLE), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, fake_frame(2, OFFSET_L4), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, MONITOR_ROOTS_ADDRESS >> PAGE_SHIFT,
                       0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, 0xffffffff, 0, 0, 0));
    check_monitor_table(0, frame_at(OFFSET_L3));
    /* A 64-bit guest's level 3 is no root. */
    record = fake_simple();
    CHECK(fake_refused(record, ERROR_type_conflict, HC_roots_set, frame_at(OFFSET_L3), 0, 0, 0));
}

/* One guest, two virtual processors: each has a table of the monitor's of its own. */
static void every_processor_has_a_table_of_the_monitor(void)
{
    struct virtual_processor *record = fake_smp_of(32, 3);
    struct processor_context_32 *context = fake_guest(1, GUEST_DATA + 0x400);
    uint64_t root = second_root(record);

    memset(context, 0, sizeof(*context));
    context->cs = SELECTOR_KERNEL_CODE_32;
    context->ss = SELECTOR_KERNEL_DATA_32;
    context->kernel_root_frame = root;
    CHECK_EQUAL(fake_call(record, HC_processor_start, 2, GUEST_DATA + 0x400, 0, 0), 0);
    check_monitor_table(0, frame_at(OFFSET_L3));
    check_monitor_table(2, root);
    CHECK_EQUAL(record_get(1)->root_address, 0); /* never started: nothing to run on */
    check_frame(TABLE_OFFSET, FRAME_TABLE_3, 2);
    (void)fake_enter(record_get(IDLE_ID_FIRST + 2), ENTRY_KICK, 0);
    CHECK_EQUAL(fake_call(fake_next, HC_roots_set, frame_at(OFFSET_L3), 0, 0, 0), 0);
    check_monitor_table(2, frame_at(OFFSET_L3));
    check_monitor_table(0, frame_at(OFFSET_L3));
    check_frame(OFFSET_L3, FRAME_TABLE_3, 3);
    /* Stopped and left: nothing hangs below its table any more. */
    CHECK_EQUAL(fake_call(record, HC_processor_stop, 2, 0, 0, 0), 0);
    (void)fake_enter(record_get(2), ENTRY_KICK, 0);
    check_monitor_table(2, frame_at(OFFSET_L3));
    (void)fake_enter(fake_next, ENTRY_KICK, 0);
    check_monitor_table(2, 0);
    check_frame(OFFSET_L3, FRAME_TABLE_3, 2);
}

/* A batch in which the last entry is closed changes nothing. */
static void batch_with_a_closed_entry_is_undone(void)
{
    struct virtual_processor *record = fake_simple_32();
    struct table_update *updates = fake_guest(1, GUEST_DATA);
    uint64_t child = ENTRY_OF(frame_at(OFFSET_L2), ENTRY_TABLE);

    for (uint32_t index = 0; index < 4; index++) {
        updates[index] =
            (struct table_update){(frame_at(OFFSET_L3) << PAGE_SHIFT) + (index + 1) * 8ull, child};
    }
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_update, GUEST_DATA, 4, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 3, 0, 0), 0);
    check_frame(OFFSET_L2, FRAME_TABLE_2, 5);
    /* The batch's buffer is found through the new tables, too. */
    updates[0].value = 0;
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA + (2ull << 30), 1, 0, 0), 0);
    check_frame(OFFSET_L2, FRAME_TABLE_2, 4);
}

static void shared_table_flushes_everything(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t value = ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_READ);

    CHECK_EQUAL(map_call(record, GUEST_HOLE, value), 0);
    fake_log_clear();
    CHECK_EQUAL(map_call(record, GUEST_HOLE, value), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], GUEST_HOLE);
    CHECK_EQUAL(update_call(record, OFFSET_L3, 3, ENTRY_OF(frame_at(OFFSET_L2), ENTRY_TABLE)), 0);
    fake_log_clear();
    CHECK_EQUAL(map_call(record, GUEST_HOLE, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], TRANSLATION_ALL);
}

static const struct test tests[] = {
    {"initial_tables_are_counted", initial_tables_are_counted},
    {"levels_end_at_3", levels_end_at_3},
    {"root_has_four_entries", root_has_four_entries},
    {"closed_entries_stay_0", closed_entries_stay_0},
    {"user_bit_is_a_choice", user_bit_is_a_choice},
    {"entries_are_refused_as_in_64_bits", entries_are_refused_as_in_64_bits},
    {"roots_set_hangs_in_another_root", roots_set_hangs_in_another_root},
    {"roots_are_refused", roots_are_refused},
    {"every_processor_has_a_table_of_the_monitor", every_processor_has_a_table_of_the_monitor},
    {"batch_with_a_closed_entry_is_undone", batch_with_a_closed_entry_is_undone},
    {"shared_table_flushes_everything", shared_table_flushes_everything},
    {0, 0},
};

const struct suite suite_tables_32 = {"tables_32", tests};
