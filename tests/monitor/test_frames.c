/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving frames up: scrubbed, owned by nobody, only when nothing refers to them. */
#include <string.h>

#include "check.h"
#include "fake.h"

static bool page_is_zero(uint32_t partition, uint32_t offset)
{
    for (uint32_t word = 0; word < TABLE_ENTRY_COUNT; word++) {
        if (fake_words(partition, offset)[word] != 0) {
            return false;
        }
    }
    return true;
}

static void released_frames_are_scrubbed(void)
{
    struct virtual_processor *record = fake_simple();

    for (uint32_t offset = OFFSET_FREE; offset < OFFSET_FREE + 4; offset++) {
        memset(fake_words(1, offset), 0xa5, PAGE_SIZE_BYTES);
    }
    CHECK_EQUAL(fake_call(record, HC_frames_release, fake_frame(1, OFFSET_FREE + 1), 2, 0, 0), 0);
    CHECK(!page_is_zero(1, OFFSET_FREE));
    CHECK(page_is_zero(1, OFFSET_FREE + 1));
    CHECK(page_is_zero(1, OFFSET_FREE + 2));
    CHECK(!page_is_zero(1, OFFSET_FREE + 3));
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE))->owner, 1);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE + 1))->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE + 2))->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE + 3))->owner, 1);
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, fake_frame(1, OFFSET_FREE + 1),
                       1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, GUEST_HOLE,
                       ENTRY_OF(fake_frame(1, OFFSET_FREE + 1), ENTRY_READ), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, fake_frame(1, OFFSET_FREE + 1), 1, 0,
                       0));
}

/* Its next owner may map it executable: what was translated from the old bytes has to go. */
static void executed_frame_is_stale_for_its_next_owner(void)
{
    struct virtual_processor *record = fake_simple();
    struct frame *frame = frame_get(fake_frame(1, OFFSET_HOLE));

    (void)fake_call(record, HC_mapping_update, GUEST_HOLE,
                    ENTRY_OF(fake_frame(1, OFFSET_HOLE), ENTRY_CODE), 0, 0);
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE, 0, 0, 0);
    CHECK_EQUAL(fake_call(record, HC_frames_release, fake_frame(1, OFFSET_HOLE), 1, 0, 0), 0);
    CHECK_EQUAL(frame->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(frame->flags, FRAME_FLAG_EXECUTED | FRAME_FLAG_STALE);
    frame->owner = 1; /* as if it were given out again */
    fake_log_clear();
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE,
                    ENTRY_OF(fake_frame(1, OFFSET_HOLE), ENTRY_CODE), 0, 0);
    CHECK_EQUAL(fake_log_count(FAKE_CODE_CHANGED), 1);
}

static void frames_in_use_are_busy(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK(fake_refused(record, ERROR_busy, HC_frames_release, fake_frame(1, OFFSET_DATA), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_frames_release, fake_frame(1, OFFSET_L1), 1, 0, 0));
    CHECK(fake_refused(record, ERROR_busy, HC_frames_release, fake_frame(1, OFFSET_TIME), 1, 0, 0));
    /* Mapped for reading only is a reference too; the frames before it stay. */
    (void)fake_call(record, HC_mapping_update, GUEST_HOLE,
                    ENTRY_OF(fake_frame(1, OFFSET_FREE + 7), ENTRY_READ), 0, 0);
    memset(fake_words(1, OFFSET_FREE), 0xa5, PAGE_SIZE_BYTES);
    CHECK(fake_refused(record, ERROR_busy, HC_frames_release, fake_frame(1, OFFSET_FREE), 8, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_frames_release, fake_frame(1, OFFSET_FREE), 7, 0, 0), 0);
    /* The monitor's own use of the shared page lasts when the guest's mapping is gone. */
    (void)fake_call(record, HC_mapping_update, GUEST_BASE + OFFSET_SHARED * 0x1000, 0, 0, 0);
    CHECK(
        fake_refused(record, ERROR_busy, HC_frames_release, fake_frame(1, OFFSET_SHARED), 1, 0, 0));
}

static void ranges_are_checked(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t last = fake_frame(1, PARTITION_FRAME_COUNT - 1);

    CHECK(
        fake_refused(record, ERROR_limit, HC_frames_release, last, FRAMES_RELEASE_LIMIT + 1, 0, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_frames_release, last, ~0ull, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, last, 2, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, 0, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, FAKE_FRAME_COUNT, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, ~0ull, 512, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, ~0ull - 100, 512, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_frames_release, last, 0, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_frames_release, last, 1, 0, 0), 0);
}

static void largest_release_is_accepted(void)
{
    static const uint32_t processors[1] = {0};
    uint64_t first = MONITOR_END_FRAME + 4 * PARTITION_FRAME_COUNT;
    struct virtual_processor *record;

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_slot_add(0, 0, 1000, 0);
    fake_view()->extents[1] = (struct view_extent){
        .partition = 1, .machine_frame = first, .frame_count = FRAMES_RELEASE_LIMIT};
    fake_view()->extent_count = 2;
    fake_view()->partitions[1].extent_count = 2;
    monitor_start();
    record = fake_first(0);
    CHECK_EQUAL(fake_call(record, HC_frames_release, first, FRAMES_RELEASE_LIMIT, 0, 0), 0);
    CHECK_EQUAL(frame_get(first)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(frame_get(first + FRAMES_RELEASE_LIMIT - 1)->owner, FRAME_OWNER_FREE);
}

static const struct test tests[] = {
    {"released_frames_are_scrubbed", released_frames_are_scrubbed},
    {"executed_frame_is_stale_for_its_next_owner", executed_frame_is_stale_for_its_next_owner},
    {"frames_in_use_are_busy", frames_in_use_are_busy},
    {"ranges_are_checked", ranges_are_checked},
    {"largest_release_is_accepted", largest_release_is_accepted},
    {0, 0},
};

const struct suite suite_frames = {"frames", tests};
