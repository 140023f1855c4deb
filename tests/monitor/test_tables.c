/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Direct paging: what entries and tables are accepted, counted, undone and let go. */
#include <string.h>

#include "check.h"
#include "fake.h"

#define TABLE_OFFSET (OFFSET_FREE + 1)

static uint64_t frame_at(uint32_t offset)
{
    return fake_frame(1, offset);
}

static uint64_t entry_address(uint32_t table_offset, uint32_t slot)
{
    return (frame_at(table_offset) << PAGE_SHIFT) + slot * 8ull;
}

static struct table_update *updates(void)
{
    return fake_guest(1, GUEST_DATA);
}

static void update_set(uint32_t index, uint64_t address, uint64_t value)
{
    updates()[index] = (struct table_update){address, value};
}

static void check_frame(uint32_t offset, enum frame_type type, uint32_t type_count,
                        uint32_t reference_count)
{
    const struct frame *frame = frame_get(frame_at(offset));

    CHECK_EQUAL(frame->type, type);
    CHECK_EQUAL(frame->type_count, type_count);
    CHECK_EQUAL(frame->reference_count, reference_count);
}

/* What one level-1 entry does to the frame it names. */
static void mapping_takes_the_type_it_needs(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE,
                          ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_DATA), 0, 0),
                0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_HOLE), ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_DATA));
    check_frame(OFFSET_HOLE, FRAME_WRITABLE, 1, 1);
    CHECK_EQUAL(fake_log_total(), 0); /* nothing was there: nothing to flush */
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE,
                          ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_READ), 0, 0),
                0);
    check_frame(OFFSET_HOLE, FRAME_NONE, 0, 1);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[0], 1);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], GUEST_HOLE);
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE,
                          ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_CODE), 0, 0),
                0);
    check_frame(OFFSET_HOLE, FRAME_EXECUTABLE, 1, 1);
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE, 0x1234560, 0, 0), 0);
    check_frame(OFFSET_HOLE, FRAME_NONE, 0, 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_HOLE), 0x1234560); /* a guest's own note */
}

static void mapping_refuses(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t frame = frame_at(OFFSET_HOLE);
    static const uint64_t bad_bits[] = {
        ENTRY_LARGE, 0x100, 1ull << 52, 1ull << 62, 1ull << 58,
    };

    for (uint32_t index = 0; index < sizeof(bad_bits) / sizeof(bad_bits[0]); index++) {
        CHECK(fake_refused(record, ERROR_invalid_argument, HC_mapping_update, GUEST_HOLE,
                           ENTRY_OF(frame, ENTRY_READ | bad_bits[index]), 0, 0));
    }
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame, ENTRY_PRESENT | ENTRY_NO_EXECUTE), 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame, ENTRY_CODE | ENTRY_WRITABLE), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(fake_frame(2, OFFSET_DATA), ENTRY_READ), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(MONITOR_STATE_ADDRESS >> 12, ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(FAKE_FRAME_COUNT, ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(0xffffffffffull, ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame_at(OFFSET_CODE), ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame_at(OFFSET_DATA), ENTRY_CODE), 0, 0));
    for (uint32_t offset = OFFSET_L1; offset <= OFFSET_L4; offset++) {
        CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                           ENTRY_OF(frame_at(offset), ENTRY_DATA), 0, 0));
    }
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame_at(OFFSET_TIME), ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame_at(OFFSET_SHARED), ENTRY_CODE), 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame_at(OFFSET_TIME), ENTRY_CODE), 0, 0));
}

/* The address is wrong: the entry is not even looked at. */
static void mapping_refuses_addresses(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK(fake_refused(record, ERROR_invalid_argument, HC_mapping_update, GUEST_HOLE + 1, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_mapping_update, NOT_CANONICAL, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_mapping_update, MONITOR_SLOTS_ADDRESS, 0,
                       0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_mapping_update, 0, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_mapping_update, 1ull << 30, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_mapping_update, 1ull << 39, 0, 0, 0));
}

/* All software-visible bits of an entry that is accepted stay as given. */
static void mapping_accepts_all_allowed_bits(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t value =
        ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_DATA | ENTRY_WRITE_THROUGH | ENTRY_CACHE_DISABLE |
                                            ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_SOFTWARE);

    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE, value, 0, 0), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_HOLE), value);
    /* Tables and the time page may be read. */
    for (uint32_t offset = OFFSET_L1; offset <= OFFSET_L4; offset++) {
        CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE,
                              ENTRY_OF(frame_at(offset), ENTRY_READ), 0, 0),
                    0);
        CHECK_EQUAL(frame_get(frame_at(offset))->reference_count, 4);
    }
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE,
                          ENTRY_OF(frame_at(OFFSET_TIME), ENTRY_READ), 0, 0),
                0);
}

/* One page is not enough when its table hangs in two places. */
static void shared_table_flushes_everything(void)
{
    struct virtual_processor *record = fake_simple();

    update_set(0, entry_address(OFFSET_L2, 5), ENTRY_OF(frame_at(OFFSET_L1), ENTRY_TABLE));
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    check_frame(OFFSET_L1, FRAME_TABLE_1, 3, 4);
    CHECK_EQUAL(fake_log_total(), 0);
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_DATA + 0x5000, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], TRANSLATION_ALL);
    update_set(0, entry_address(OFFSET_L2, 5), 0);
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    fake_log_clear();
    /* A level-3 table under two roots. */
    (void)fake_user_root(record);
    fake_log_clear();
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_DATA + 0x6000, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], TRANSLATION_ALL);
}

static void code_is_dropped_when_it_runs_again(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t frame = frame_at(OFFSET_HOLE);

    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_CODE), 0, 0),
                0);
    CHECK_EQUAL(frame_get(frame)->flags, FRAME_FLAG_EXECUTED);
    CHECK_EQUAL(fake_log_count(FAKE_CODE_CHANGED), 0);
    /* Not written in between. */
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_READ), 0, 0);
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_CODE), 0, 0);
    CHECK_EQUAL(fake_log_count(FAKE_CODE_CHANGED), 0);
    /* The new reference is taken while the old one stands: not in one step. */
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(frame, ENTRY_DATA), 0, 0));
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, 0, 0, 0);
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_DATA), 0, 0);
    CHECK_EQUAL(frame_get(frame)->flags, FRAME_FLAG_EXECUTED | FRAME_FLAG_STALE);
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_READ), 0, 0);
    CHECK_EQUAL(frame_get(frame)->flags, FRAME_FLAG_EXECUTED | FRAME_FLAG_STALE);
    CHECK_EQUAL(fake_log_count(FAKE_CODE_CHANGED), 0);
    fake_log_clear();
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_CODE), 0, 0);
    CHECK_EQUAL(frame_get(frame)->flags, FRAME_FLAG_EXECUTED);
    CHECK_EQUAL(fake_log_total(), 2); /* the flush comes first */
    CHECK_EQUAL(fake_log_count(FAKE_FLUSH), 1);
    CHECK_EQUAL(fake_log_get(FAKE_CODE_CHANGED, 0).values[0], 1);
    CHECK_EQUAL(fake_log_get(FAKE_CODE_CHANGED, 0).values[1], frame);
    /* A refused call leaves the flags: writable is refused while it is executable elsewhere. */
    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, GUEST_HOLE + 0x1000,
                       ENTRY_OF(frame, ENTRY_DATA), 0, 0));
}

static void table_of_executed_frame_makes_code_stale(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t frame = frame_at(OFFSET_HOLE);

    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, ENTRY_OF(frame, ENTRY_CODE), 0, 0);
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, 0, 0, 0);
    CHECK_EQUAL(fake_call(record, HC_table_pin, frame, 1, 0, 0), 0);
    CHECK_EQUAL(frame_get(frame)->flags, FRAME_FLAG_EXECUTED | FRAME_FLAG_STALE);
}

static void pin_validates_and_counts(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t *entries = fake_words(1, TABLE_OFFSET);

    entries[0] = ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_DATA);
    entries[1] = ENTRY_OF(frame_at(OFFSET_CODE), ENTRY_CODE);
    entries[2] = ENTRY_OF(frame_at(OFFSET_CODE), ENTRY_READ);
    entries[511] = ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_DATA);
    CHECK_EQUAL(fake_call(record, HC_table_pin, frame_at(TABLE_OFFSET), 1, 0, 0), 0);
    check_frame(TABLE_OFFSET, FRAME_TABLE_1, 1, 1);
    check_frame(OFFSET_HOLE, FRAME_WRITABLE, 2, 2);
    check_frame(OFFSET_CODE, FRAME_EXECUTABLE, 2, 3);
    CHECK_EQUAL(fake_log_total(), 0);
    CHECK(fake_refused(record, ERROR_busy, HC_table_pin, frame_at(TABLE_OFFSET), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_table_pin, frame_at(TABLE_OFFSET), 2, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_table_unpin, frame_at(TABLE_OFFSET), 0, 0, 0), 0);
    check_frame(TABLE_OFFSET, FRAME_NONE, 0, 0);
    check_frame(OFFSET_HOLE, FRAME_NONE, 0, 0);
    check_frame(OFFSET_CODE, FRAME_EXECUTABLE, 1, 1);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], TRANSLATION_ALL);
}

static void pin_refuses(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t table = frame_at(TABLE_OFFSET);
    uint64_t *entries = fake_words(1, TABLE_OFFSET);

    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, 5, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, 1ull << 32 | 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, fake_frame(2, OFFSET_FREE), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, 0, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, FAKE_FRAME_COUNT, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, ~0ull, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, frame_at(OFFSET_DATA), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, frame_at(OFFSET_CODE), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, frame_at(OFFSET_TIME), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_table_pin, frame_at(OFFSET_L1), 1, 0, 0));
    /* Undone to the last entry, whichever is wrong. */
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT - 1; slot++) {
        entries[slot] = ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_DATA);
    }
    entries[511] = ENTRY_OF(fake_frame(2, OFFSET_HOLE), ENTRY_READ);
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, table, 1, 0, 0));
    entries[511] = ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_CODE);
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, table, 1, 0, 0));
    entries[511] = ENTRY_OF(table, ENTRY_DATA); /* maps itself writable */
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, table, 1, 0, 0));
    entries[511] = ENTRY_OF(table, ENTRY_READ);
    CHECK_EQUAL(fake_call(record, HC_table_pin, table, 1, 0, 0), 0);
    check_frame(OFFSET_HOLE, FRAME_WRITABLE, 511, 511);
}

/* A child must be a pinned table of the level below: nothing is validated implicitly. */
static void children_must_be_pinned(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t table = frame_at(TABLE_OFFSET);
    uint64_t *entries = fake_words(1, TABLE_OFFSET);

    for (uint32_t level = 2; level <= 4; level++) {
        for (uint32_t child = OFFSET_L1; child <= OFFSET_L4; child++) {
            if (child != level - 2) {
                entries[3] = ENTRY_OF(frame_at(child), ENTRY_TABLE);
                CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, table, level, 0, 0));
            }
        }
        entries[3] = ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_TABLE);
        CHECK(fake_refused(record, ERROR_type_conflict, HC_table_pin, table, level, 0, 0));
        entries[3] = ENTRY_OF(frame_at(level - 2), ENTRY_TABLE | ENTRY_LARGE);
        CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, level, 0, 0));
        entries[3] = ENTRY_OF(frame_at(level - 2), ENTRY_PRESENT);
        CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, level, 0, 0));
        entries[3] =
            ENTRY_OF(frame_at(level - 2), ENTRY_READ); /* neither writable nor executable */
        CHECK_EQUAL(fake_call(record, HC_table_pin, table, level, 0, 0), 0);
        check_frame(level - 2, table_type(level - 1), 3, 4);
        CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, frame_at(level - 2), 0, 0, 0));
        CHECK_EQUAL(fake_call(record, HC_table_unpin, table, 0, 0, 0), 0);
        check_frame(level - 2, table_type(level - 1), 2, 3);
    }
}

static void level_4_gets_the_slots_of_the_monitor(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t table = frame_at(TABLE_OFFSET);
    uint64_t *entries = fake_words(1, TABLE_OFFSET);

    for (uint32_t slot = 256; slot < 272; slot++) {
        entries[slot] = 2; /* not present, but not zero */
        CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_pin, table, 4, 0, 0));
        entries[slot] = 0;
    }
    entries[255] = 2;
    entries[272] = ENTRY_OF(frame_at(OFFSET_L3), ENTRY_TABLE);
    CHECK_EQUAL(fake_call(record, HC_table_pin, table, 4, 0, 0), 0);
    for (uint32_t slot = 256; slot < 272; slot++) {
        CHECK_EQUAL(entries[slot], ENTRY_OF(0x600 + slot - 256, ENTRY_PRESENT));
        update_set(0, entry_address(TABLE_OFFSET, slot), 0);
        CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_update, GUEST_DATA, 1, 0, 0));
    }
    update_set(0, entry_address(TABLE_OFFSET, 255), 0);
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_table_unpin, table, 0, 0, 0), 0);
    for (uint32_t slot = 256; slot < 272; slot++) {
        CHECK_EQUAL(entries[slot], 0);
    }
    CHECK_EQUAL(entries[272], ENTRY_OF(frame_at(OFFSET_L3), ENTRY_TABLE));
    check_frame(TABLE_OFFSET, FRAME_NONE, 0, 0);
}

static void unpin_refuses(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK(fake_refused(record, ERROR_not_owner, HC_table_unpin, fake_frame(2, OFFSET_L1), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_unpin, ~0ull, 0, 0, 0));
    CHECK(
        fake_refused(record, ERROR_type_conflict, HC_table_unpin, frame_at(OFFSET_DATA), 0, 0, 0));
    CHECK(
        fake_refused(record, ERROR_type_conflict, HC_table_unpin, frame_at(OFFSET_TIME), 0, 0, 0));
    CHECK(
        fake_refused(record, ERROR_type_conflict, HC_table_unpin, frame_at(OFFSET_HOLE), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, frame_at(OFFSET_L1), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, frame_at(OFFSET_L4), 0, 0, 0));
}

static void update_writes_a_batch(void)
{
    struct virtual_processor *record = fake_simple();

    *fake_entry(1, OFFSET_DATA + 1) |= ENTRY_DIRTY | ENTRY_ACCESSED;
    update_set(0, entry_address(OFFSET_L1, OFFSET_HOLE),
               ENTRY_OF(frame_at(OFFSET_FREE), ENTRY_DATA));
    update_set(1, entry_address(OFFSET_L1, OFFSET_HOLE + 1),
               ENTRY_OF(frame_at(OFFSET_FREE), ENTRY_READ));
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 2, 0, 0), 0);
    CHECK_EQUAL(fake_log_total(), 0);
    check_frame(OFFSET_FREE, FRAME_WRITABLE, 1, 2);
    /* Within a batch the later update of an entry replaces the earlier. */
    update_set(0, entry_address(OFFSET_L1, OFFSET_HOLE), 0);
    update_set(1, entry_address(OFFSET_L1, OFFSET_HOLE),
               ENTRY_OF(frame_at(OFFSET_FREE), ENTRY_READ));
    update_set(2, entry_address(OFFSET_L1, OFFSET_DATA + 1),
               ENTRY_OF(frame_at(OFFSET_DATA + 1), ENTRY_READ));
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 3, 0, 0), 0);
    check_frame(OFFSET_FREE, FRAME_NONE, 0, 2);
    check_frame(OFFSET_DATA + 1, FRAME_NONE, 0, 1);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA + 1), ENTRY_OF(frame_at(OFFSET_DATA + 1), ENTRY_READ));
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], TRANSLATION_ALL);
}

/* New references are taken before old ones are dropped: an exchange inside one batch is refused. */
static void update_takes_before_it_drops(void)
{
    struct virtual_processor *record = fake_simple();

    update_set(0, entry_address(OFFSET_L1, OFFSET_CODE),
               ENTRY_OF(frame_at(OFFSET_HOLE), ENTRY_READ));
    update_set(1, entry_address(OFFSET_L1, OFFSET_HOLE),
               ENTRY_OF(frame_at(OFFSET_CODE), ENTRY_DATA));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_update, GUEST_DATA, 2, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA + 16, 1, 0, 0), 0);
    check_frame(OFFSET_CODE, FRAME_WRITABLE, 1, 1);
}

static void update_is_undone(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t good = ENTRY_OF(frame_at(OFFSET_FREE), ENTRY_DATA);

    for (uint32_t index = 0; index < TABLE_UPDATE_LIMIT; index++) {
        update_set(index, entry_address(OFFSET_L1, OFFSET_HOLE + index), good);
    }
    update_set(127, entry_address(OFFSET_L1, 300) + 4, good);
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, entry_address(OFFSET_HOLE, 0), good);
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, entry_address(OFFSET_DATA, 0), good);
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, fake_frame(2, OFFSET_L1) << PAGE_SHIFT, good);
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, (uint64_t)FAKE_FRAME_COUNT << PAGE_SHIFT, good);
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, ~7ull, good);
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, entry_address(OFFSET_L1, 300), ENTRY_OF(frame_at(OFFSET_FREE), ENTRY_CODE));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_update, GUEST_DATA, 128, 0, 0));
    update_set(127, entry_address(OFFSET_L1, 300), good | ENTRY_LARGE);
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_table_update, GUEST_DATA, 128, 0, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_table_update, GUEST_DATA, 129, 0, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_table_update, GUEST_DATA, ~0ull, 0, 0));
    update_set(127, entry_address(OFFSET_L1, 300), good);
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 128, 0, 0), 0);
    check_frame(OFFSET_FREE, FRAME_WRITABLE, 128, 128);
}

/* The buffer's own mapping may go in the batch that it holds. */
static void update_may_unmap_its_own_buffer(void)
{
    struct virtual_processor *record = fake_simple();

    update_set(0, entry_address(OFFSET_L1, OFFSET_DATA), 0);
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA), 0);
    check_frame(OFFSET_DATA, FRAME_NONE, 0, 0);
    CHECK(fake_refused(record, ERROR_fault, HC_table_update, GUEST_DATA, 1, 0, 0));
}

/* The buffer is marked as read, but only by a call that succeeds (see update_is_undone). */
static void update_marks_its_buffer(void)
{
    struct virtual_processor *record = fake_simple();

    update_set(0, entry_address(OFFSET_L1, OFFSET_HOLE), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA) & ENTRY_ACCESSED, 0);
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA) & (ENTRY_ACCESSED | ENTRY_DIRTY), ENTRY_ACCESSED);
}

static void update_works_on_every_level(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t table = frame_at(TABLE_OFFSET);

    CHECK_EQUAL(fake_call(record, HC_table_pin, table, 1, 0, 0), 0);
    update_set(0, entry_address(OFFSET_L2, 7), ENTRY_OF(table, ENTRY_TABLE));
    update_set(1, entry_address(OFFSET_L3, 7), ENTRY_OF(frame_at(OFFSET_L2), ENTRY_TABLE));
    update_set(2, entry_address(OFFSET_L4, 7), ENTRY_OF(frame_at(OFFSET_L3), ENTRY_TABLE));
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 3, 0, 0), 0);
    check_frame(TABLE_OFFSET, FRAME_TABLE_1, 2, 2);
    check_frame(OFFSET_L2, FRAME_TABLE_2, 3, 4);
    check_frame(OFFSET_L3, FRAME_TABLE_3, 3, 4);
    CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, table, 0, 0, 0));
    for (uint32_t index = 0; index < 3; index++) {
        updates()[index].value = 0;
    }
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 3, 0, 0), 0);
    check_frame(TABLE_OFFSET, FRAME_TABLE_1, 1, 1);
    CHECK_EQUAL(fake_log_count(FAKE_FLUSH), 1);
    CHECK_EQUAL(fake_call(record, HC_table_unpin, table, 0, 0, 0), 0);
}

static void roots_are_counted(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t old = frame_at(OFFSET_L4);
    uint64_t root = frame_at(TABLE_OFFSET);

    memcpy(fake_words(1, TABLE_OFFSET), fake_words(1, OFFSET_L4), 8);
    CHECK_EQUAL(fake_call(record, HC_table_pin, root, 4, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_roots_set, root, old, 0, 0), 0);
    CHECK_EQUAL(record->kernel_root_frame, root);
    CHECK_EQUAL(record->user_root_frame, old);
    check_frame(TABLE_OFFSET, FRAME_TABLE_4, 2, 2);
    check_frame(OFFSET_L4, FRAME_TABLE_4, 2, 3);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 1);
    CHECK_EQUAL(fake_log_get(FAKE_ROOT_LOAD, 0).values[1], root);
    CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, old, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_table_unpin, root, 0, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_roots_set, root, root, 0, 0), 0);
    check_frame(TABLE_OFFSET, FRAME_TABLE_4, 3, 3);
    check_frame(OFFSET_L4, FRAME_TABLE_4, 1, 2);
    CHECK_EQUAL(fake_call(record, HC_roots_set, root, 0, 0, 0), 0);
    CHECK_EQUAL(record->user_root_frame, 0);
    check_frame(TABLE_OFFSET, FRAME_TABLE_4, 2, 2);
    CHECK_EQUAL(fake_call(record, HC_table_unpin, old, 0, 0, 0), 0);
}

static void roots_are_refused(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t root = frame_at(OFFSET_L4);

    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, 0, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, fake_frame(2, OFFSET_L4), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_roots_set, frame_at(OFFSET_L3), 0, 0, 0));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_roots_set, frame_at(OFFSET_HOLE), 0, 0, 0));
    CHECK(
        fake_refused(record, ERROR_not_owner, HC_roots_set, root, fake_frame(2, OFFSET_L4), 0, 0));
    CHECK(
        fake_refused(record, ERROR_type_conflict, HC_roots_set, root, frame_at(OFFSET_DATA), 0, 0));
}

static void flush_takes_a_page_or_all(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_translation_flush, GUEST_DATA, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], GUEST_DATA);
    CHECK_EQUAL(fake_call(record, HC_translation_flush, TRANSLATION_ALL, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 1).values[1], TRANSLATION_ALL);
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_translation_flush, GUEST_DATA + 1, 0, 0,
                       0));
    CHECK(
        fake_refused(record, ERROR_invalid_argument, HC_translation_flush, NOT_CANONICAL, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_translation_flush, MONITOR_SLOTS_ADDRESS,
                       0, 0, 0));
    /* What names all of them in 32 bits is an address like any other here. */
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_translation_flush, 0xffffffff, 0, 0, 0));
}

static const struct test tests[] = {
    {"mapping_takes_the_type_it_needs", mapping_takes_the_type_it_needs},
    {"mapping_refuses", mapping_refuses},
    {"mapping_refuses_addresses", mapping_refuses_addresses},
    {"mapping_accepts_all_allowed_bits", mapping_accepts_all_allowed_bits},
    {"shared_table_flushes_everything", shared_table_flushes_everything},
    {"code_is_dropped_when_it_runs_again", code_is_dropped_when_it_runs_again},
    {"table_of_executed_frame_makes_code_stale", table_of_executed_frame_makes_code_stale},
    {"pin_validates_and_counts", pin_validates_and_counts},
    {"pin_refuses", pin_refuses},
    {"children_must_be_pinned", children_must_be_pinned},
    {"level_4_gets_the_slots_of_the_monitor", level_4_gets_the_slots_of_the_monitor},
    {"unpin_refuses", unpin_refuses},
    {"update_writes_a_batch", update_writes_a_batch},
    {"update_takes_before_it_drops", update_takes_before_it_drops},
    {"update_is_undone", update_is_undone},
    {"update_may_unmap_its_own_buffer", update_may_unmap_its_own_buffer},
    {"update_marks_its_buffer", update_marks_its_buffer},
    {"update_works_on_every_level", update_works_on_every_level},
    {"roots_are_counted", roots_are_counted},
    {"roots_are_refused", roots_are_refused},
    {"flush_takes_a_page_or_all", flush_takes_a_page_or_all},
    {0, 0},
};

const struct suite suite_tables = {"tables", tests};
