/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view may say wrongly, or say again, from one generation to the next. */
#include <string.h>

#include "books.h"
#include "check.h"
#include "fake.h"

#define FREE_FRAME 2832u /* behind the three partitions */

static void memory_that_another_has_is_not_given(void)
{
    struct view_body *body;

    (void)fake_three();
    body = fake_view_begin();
    body->extents[3] = (struct view_extent){
        .partition = 3, .guest_frame = 256, .machine_frame = fake_frame(2, 0), .frame_count = 1};
    body->extents[4] = body->extents[2];
    body->extent_count = 5;
    body->extents[2].partition = 0;
    body->partitions[3].first_extent = 3;
    body->partitions[3].extent_count = 2;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(3)->stop.reason, STOP_bad_start);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    CHECK_EQUAL(frame_get(fake_frame(2, 0))->owner, 2);
    CHECK_EQUAL(books_differences(), 0);
}

static void a_row_that_changes_what_it_may_not_hurts_its_own_partition(void)
{
    for (uint32_t what = 0; what < 5; what++) {
        struct view_body *body;

        (void)fake_three();
        body = fake_view_begin();
        switch (what) {
        case 0:
            body->partitions[2].width = 32;
            break;
        case 1:
            body->partitions[2].first_virtual_processor = 3;
            break;
        case 2:
            body->partitions[2].virtual_processor_count = 2;
            break;
        case 3:
            body->partitions[2].id = 3;
            break;
        default:
            body->virtual_processors[2].processor = 1;
            body->processors[0].slot_count = 1;
            body->processors[0].period_cycles = 1000;
            break;
        }
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(fake_partition(2)->stop.reason, STOP_bad_start);
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
        CHECK_EQUAL(fake_partition(3)->state, PARTITION_RUNNING);
    }
}

static void records_of_the_living_are_not_given_to_others(void)
{
    struct view_body *body;

    (void)fake_three();
    body = fake_view_begin();
    body->partitions[4] = body->partitions[2];
    body->partitions[4].id = 4;
    body->virtual_processors[2].partition = 4;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(2)->stop.reason, STOP_bad_start); /* its record is another's */
    CHECK_EQUAL(fake_partition(4)->stop.reason, STOP_bad_start); /* and the other's is not free */
    CHECK_EQUAL(fake_partition(4)->stop.error_code, ERROR_busy);
}

/* Two rows of partition 3, the last in the view, from row 2 on. */
static struct view_body *two_extents(uint64_t machine_frame, uint64_t frame_count)
{
    struct view_body *body = fake_view_begin();

    body->extents[3] = (struct view_extent){.partition = 3,
                                            .guest_frame = 256,
                                            .machine_frame = machine_frame,
                                            .frame_count = frame_count};
    body->extent_count = 4;
    body->partitions[3].extent_count = 2;
    return body;
}

static void rows_that_overlap_their_own_are_refused(void)
{
    static const int64_t offsets[] = {-1, 0, 1};

    for (uint32_t index = 0; index < 3; index++) {
        (void)fake_three();
        (void)two_extents(fake_frame(3, 0) + (uint64_t)offsets[index], 2);
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(fake_partition(3)->stop.reason, STOP_bad_start);
        CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    }
}

/* A row of another partition in the run gives nothing to the one, and is refused to the other. */
static void rows_of_others_in_a_run_are_refused(void)
{
    struct view_body *body;

    (void)fake_three();
    body = two_extents(FREE_FRAME, 2);
    body->extents[2].partition = 2;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(2)->stop.reason, STOP_bad_start);
    CHECK_EQUAL(fake_partition(3)->stop.reason, STOP_revoked);
    CHECK_EQUAL(frame_get(FREE_FRAME)->owner, 3);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(books_differences(), 0);
}

/* Three rows in the wrong order: what does not meet is given. */
static void rows_of_a_run_may_have_any_order(void)
{
    struct view_body *body;

    (void)fake_three();
    body = two_extents(FREE_FRAME + 10, 2);
    body->extents[4] = body->extents[3];
    body->extents[4].machine_frame = FREE_FRAME;
    body->extent_count = 5;
    body->partitions[3].extent_count = 3;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(3)->state, PARTITION_RUNNING);
    CHECK_EQUAL(frame_get(FREE_FRAME)->owner, 3);
    CHECK_EQUAL(frame_get(FREE_FRAME + 11)->owner, 3);
    CHECK_EQUAL(frame_get(FREE_FRAME + 5)->owner, FRAME_OWNER_FREE);
}

/* What view_get finds is only in a run that can be. */
static void a_run_that_cannot_be_is_not_shown(void)
{
    struct virtual_processor *record = fake_three();

    fake_view_begin()->partitions[1].extent_count = PARTITION_EXTENT_LIMIT + 1;
    fake_view_publish();
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_extent, 0, GUEST_DATA,
                          sizeof(struct view_extent)),
                -ERROR_not_found);
}

static void rows_outside_their_run_are_refused(void)
{
    (void)fake_three();
    two_extents(FREE_FRAME, 2)->partitions[3].extent_count = 1;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(3)->stop.reason, STOP_bad_start);
    CHECK_EQUAL(frame_get(FREE_FRAME)->owner, FRAME_OWNER_FREE);
}

/* A run that is longer than it may be, or ends behind the rows, is none: all of it is revoked. */
static void runs_that_cannot_be_are_empty(void)
{
    static const struct {
        uint32_t first, count;
    } wrong[] = {{2, PARTITION_EXTENT_LIMIT + 1}, {2, 2}, {EXTENT_LIMIT, 1}, {~0u, 1}, {0, 16}};

    for (uint32_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        struct view_partition *row;

        (void)fake_three();
        row = &fake_view_begin()->partitions[3];
        row->first_extent = wrong[index].first;
        row->extent_count = wrong[index].count;
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(fake_partition(3)->state, PARTITION_STOPPED);
        CHECK_EQUAL(frame_get(fake_frame(3, 0))->owner, FRAME_OWNER_FREE);
        CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    }
}

static void a_row_of_nobody_and_a_kind_that_does_not_run_are_left_alone(void)
{
    struct view_body *body;

    (void)fake_three();
    body = two_extents(FREE_FRAME, 1);
    body->extents[3].partition = 500;
    body->partitions[3].extent_count = 1;
    body->partitions[4] = (struct view_partition){.id = 4, .kind = PARTITION_idle};
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    fake_view_begin()->extents[0].guest_frame = 7;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(FREE_FRAME)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(fake_partition(4)->state, PARTITION_READY);
    CHECK_EQUAL(monitor_state()->running_partitions, 3);
    CHECK_EQUAL(books_differences(), 0);
}

/*
 * Both passes over the frames count, and what the partition has already, as its run has changed:
 * half of what a step may look at is given in one.
 */
static void a_step_gives_a_limited_number_of_frames(void)
{
    (void)fake_three();
    (void)two_extents(FREE_FRAME, VIEW_STEP_SCAN_LIMIT / 2 - PARTITION_FRAME_COUNT);
    fake_view_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->progress.stage, VIEW_STAGE_done);
    (void)fake_three();
    (void)two_extents(FREE_FRAME, VIEW_STEP_SCAN_LIMIT / 2 - PARTITION_FRAME_COUNT + 1);
    fake_view_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->progress.stage, VIEW_STAGE_grant);
    CHECK_EQUAL(frame_get(FREE_FRAME)->owner, 3);
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(monitor_state()->progress.stage, VIEW_STAGE_done);
    CHECK_EQUAL(frame_get(FREE_FRAME + VIEW_STEP_SCAN_LIMIT / 2 - PARTITION_FRAME_COUNT)->owner, 3);
}

/* Frames that the check has seen free are given only in the generation that was checked. */
static void a_generation_in_the_middle_of_a_grant_takes_it_back(void)
{
    struct view_body *body;

    (void)fake_three();
    (void)two_extents(FREE_FRAME, VIEW_STEP_SCAN_LIMIT / 2 + 1);
    fake_view_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->progress.stage, VIEW_STAGE_grant);
    body = fake_view_begin();
    body->partitions[3].extent_count = 1;
    memset(&body->extents[3], 0, sizeof(body->extents[3]));
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    for (uint64_t frame = FREE_FRAME; frame < FAKE_FRAME_COUNT; frame++) {
        CHECK_EQUAL(frame_get(frame)->owner, FRAME_OWNER_FREE);
    }
}

static void a_partition_with_many_tables_starts_in_steps(void)
{
    struct view_body *body;

    fake_reset(1);
    static const uint32_t processors[1] = {0};
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_view()->partitions[2].state = VIEW_STATE_stopped;
    fake_slot_add(0, 0, 1000, 0);
    fake_slot_add(0, 1, 1000, 0);
    monitor_start();
    (void)fake_first(0);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_READY);
    /* As many empty tables before its own. */
    memset(fake_words(2, OFFSET_FREE), 0, (uint64_t)VIEW_STEP_TABLE_LIMIT * PAGE_SIZE_BYTES);
    body = fake_view_begin();
    body->partitions[2].state = VIEW_STATE_running;
    body->partitions[2].table_first_frame = fake_frame(2, OFFSET_FREE);
    body->partitions[2].table_counts[0] = VIEW_STEP_TABLE_LIMIT;
    for (uint32_t level = 1; level < 4; level++) {
        body->partitions[2].table_counts[level] = 0;
    }
    fake_view_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(fake_partition(2)->pinned_count, VIEW_STEP_TABLE_LIMIT);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_READY);
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(2)->stop.reason, STOP_bad_start); /* its root is no table */
    CHECK_EQUAL(books_differences(), 0);
}

static const struct test tests[] = {
    {"memory_that_another_has_is_not_given", memory_that_another_has_is_not_given},
    {"a_row_that_changes_what_it_may_not_hurts_its_own_partition",
     a_row_that_changes_what_it_may_not_hurts_its_own_partition},
    {"records_of_the_living_are_not_given_to_others",
     records_of_the_living_are_not_given_to_others},
    {"rows_that_overlap_their_own_are_refused", rows_that_overlap_their_own_are_refused},
    {"rows_of_others_in_a_run_are_refused", rows_of_others_in_a_run_are_refused},
    {"rows_of_a_run_may_have_any_order", rows_of_a_run_may_have_any_order},
    {"a_run_that_cannot_be_is_not_shown", a_run_that_cannot_be_is_not_shown},
    {"rows_outside_their_run_are_refused", rows_outside_their_run_are_refused},
    {"runs_that_cannot_be_are_empty", runs_that_cannot_be_are_empty},
    {"a_row_of_nobody_and_a_kind_that_does_not_run_are_left_alone",
     a_row_of_nobody_and_a_kind_that_does_not_run_are_left_alone},
    {"a_step_gives_a_limited_number_of_frames", a_step_gives_a_limited_number_of_frames},
    {"a_generation_in_the_middle_of_a_grant_takes_it_back",
     a_generation_in_the_middle_of_a_grant_takes_it_back},
    {"a_partition_with_many_tables_starts_in_steps", a_partition_with_many_tables_starts_in_steps},
    {0},
};

const struct suite suite_view_rows = {"view_rows", tests};
