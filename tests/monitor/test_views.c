/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From one generation of the view to the next: partitions, memory and maps that change. */
#include <string.h>

#include "books.h"
#include "check.h"
#include "fake.h"
#include "generation.h"

static void state_publish(uint32_t partition, enum view_state state)
{
    fake_view_begin()->partitions[partition].state = state;
    fake_view_publish();
}

/* The partition's row and extents are gone; its slots name nobody. */
static void destroy_publish(uint32_t partition)
{
    struct view_body *body = fake_view_begin();

    memset(&body->partitions[partition], 0, sizeof(body->partitions[partition]));
    memset(&body->extents[partition - 1], 0, sizeof(body->extents[0]));
    fake_view_publish();
}

static bool is_scrubbed(uint64_t first, uint64_t count)
{
    for (uint64_t frame = first; frame < first + count; frame++) {
        const uint8_t *bytes = machine_pointer(frame << PAGE_SHIFT);

        if (frame_get(frame)->owner != FRAME_OWNER_FREE || frame_get(frame)->type != FRAME_NONE ||
            frame_get(frame)->reference_count != 0 || bytes[0] != 0 ||
            memcmp(bytes, bytes + 1, PAGE_SIZE_BYTES - 1) != 0) {
            return false;
        }
    }
    return true;
}

static void each_processor_acknowledges_at_its_next_entry(void)
{
    struct virtual_processor *record = fake_three();
    const struct monitor *monitor = monitor_state();

    fake_view_begin()->partitions[1].rights = 0;
    fake_view_publish();
    CHECK_EQUAL(fake_call(record, HC_mark, 1, 2, 0, 0), -ERROR_not_permitted);
    CHECK_EQUAL(monitor->processors[0].acknowledged_generation, 2);
    CHECK_EQUAL(monitor->processors[1].acknowledged_generation, 1);
    CHECK_EQUAL(monitor->progress.acknowledged_generation, 1);
    (void)fake_processor_enter(1, ENTRY_KICK);
    CHECK_EQUAL(monitor->progress.acknowledged_generation, 2);
    CHECK_EQUAL(monitor->lock, 0);
}

static void paused_records_are_not_chosen_and_go_on(void)
{
    struct virtual_processor *record = fake_three();

    state_publish(1, VIEW_STATE_paused);
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_PAUSED);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_STOPPED); /* it never started */
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_PAUSED);
    CHECK_EQUAL(monitor_state()->running_partitions, 3);
    state_publish(1, VIEW_STATE_running);
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_KICK)->id, 0);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_RUNNABLE);
}

/* What a sibling on another processor was doing when it was paused is done first. */
static void pausing_waits_for_each_processor(void)
{
    struct virtual_processor *record = fake_three();
    struct processor_context context = {.rip = GUEST_HANDLER,
                                        .rsp = GUEST_STACK_TOP,
                                        .kernel_root_frame = record->kernel_root_frame};

    memcpy(fake_guest(1, GUEST_DATA), &context, sizeof(context));
    CHECK_EQUAL(fake_call(record, HC_processor_start, 1, GUEST_DATA, 0, 0), 0);
    CHECK_EQUAL(fake_processor_enter(1, ENTRY_KICK)->id, 1);
    state_publish(1, VIEW_STATE_paused);
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK_EQUAL(fake_call(record_get(1), HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_PAUSED);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST + 1);
}

static void a_record_that_starts_in_a_pause_is_paused(void)
{
    struct virtual_processor *record = fake_three();
    struct processor_context context = {.rip = GUEST_HANDLER,
                                        .rsp = GUEST_STACK_TOP,
                                        .kernel_root_frame = record->kernel_root_frame};

    memcpy(fake_guest(1, GUEST_DATA), &context, sizeof(context));
    state_publish(1, VIEW_STATE_paused);
    (void)fake_processor_enter(1, ENTRY_KICK);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK_EQUAL(fake_call(record, HC_processor_start, 1, GUEST_DATA, 0, 0), 0);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_PAUSED);
    state_publish(1, VIEW_STATE_running);
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_RUNNABLE);
}

static void events_and_timers_of_a_paused_record_wait(void)
{
    struct virtual_processor *record = fake_three();

    CHECK_EQUAL(fake_call(record, HC_timer_set, 500, 0, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_block, 0, 0, 0, 0), 0);
    state_publish(1, VIEW_STATE_paused);
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(record->timer_deadline_cycles, 500);
    fake_times[0] = 600;
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(record->timer_deadline_cycles, 0);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_PAUSED);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 1ull << PORT_TIMER);
    state_publish(1, VIEW_STATE_running);
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_KICK)->id, 0);
}

static void a_view_stops_a_partition_by_order(void)
{
    (void)fake_three();
    state_publish(1, VIEW_STATE_stopped);
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_KICK)->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_operator);
    /* It has stopped: this incarnation does not run again. */
    state_publish(1, VIEW_STATE_running);
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_DATA))->owner, 1);
}

static void a_destroyed_partition_goes_when_every_processor_has_left_it(void)
{
    struct virtual_processor *record = fake_three();
    uint32_t flushed;

    destroy_publish(1);
    (void)fake_processor_enter(1, ENTRY_KICK);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 0);
    /* Processor 0 still runs on its tables: nothing is touched. */
    (void)fake_processor_enter(1, ENTRY_TIMER);
    (void)fake_processor_enter(1, ENTRY_TIMER);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_L4))->type, FRAME_TABLE_4);
    CHECK_EQUAL(record->kernel_root_frame, fake_frame(1, OFFSET_L4));
    /* It leaves at this entry, and has left at the next one. */
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), HC_version);
    CHECK_EQUAL(monitor_state()->progress.stage, VIEW_STAGE_leave);
    fake_log_clear();
    (void)fake_processor_enter(0, ENTRY_TIMER);
    flushed = fake_log_count(FAKE_FLUSH);
    CHECK_EQUAL(flushed, 1);
    CHECK(fake_view_settle() != 0);
    CHECK(is_scrubbed(fake_frame(1, 0), PARTITION_FRAME_COUNT));
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_ABSENT);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_ABSENT);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    CHECK_EQUAL(monitor_state()->running_partitions, 2);
    CHECK_EQUAL(books_differences(), 0);
}

static void a_number_is_used_again_with_a_higher_incarnation(void)
{
    struct view_partition row;
    struct view_extent extent;
    struct view_body *body;

    (void)fake_three();
    row = fake_view()->partitions[1];
    extent = fake_view()->extents[0];
    destroy_publish(1);
    CHECK(fake_view_settle() != 0);
    fake_tables_build(1);
    body = fake_view_begin();
    body->partitions[1] = row;
    body->partitions[1].incarnation = 7;
    body->extents[0] = extent;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(fake_partition(1)->incarnation, 7);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_none);
    CHECK_EQUAL(record_get(0)->registers.rip, row.entry_address);
    CHECK_EQUAL(books_differences(), 0);
}

/* Nobody sees the old memory: the tables that the row names say nothing any more. */
static void another_incarnation_on_the_same_frames_finds_them_scrubbed(void)
{
    (void)fake_three();
    fake_view_begin()->partitions[1].incarnation = 1;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->incarnation, 1);
    CHECK_EQUAL(frame_get(fake_frame(1, 0))->owner, 1);
    CHECK_EQUAL(fake_words(1, OFFSET_L1)[OFFSET_CODE], 0);
    CHECK_EQUAL(books_differences(), 0);
}

static uint32_t entries_to_release(uint64_t count)
{
    uint64_t first = fake_frame(1, OFFSET_FREE);

    (void)fake_three();
    for (uint64_t frame = first; frame < first + count; frame++) {
        memset(machine_pointer(frame << PAGE_SHIFT), 0xa5, PAGE_SIZE_BYTES);
    }
    /* Extent 1 ends before the frames, extent 2, in a row of its own, begins behind them. */
    struct view_body *body = fake_view_begin();
    body->extents[3] = body->extents[0];
    body->extents[4] = body->extents[0];
    body->extent_count = 5;
    body->extents[0].partition = 0;
    body->extents[3].frame_count = OFFSET_FREE;
    body->extents[4].machine_frame = first + count;
    body->extents[4].frame_count = PARTITION_FRAME_COUNT - OFFSET_FREE - count;
    body->partitions[1].first_extent = 3;
    body->partitions[1].extent_count = 2;
    fake_view_publish();
    uint32_t entries = fake_view_settle();
    CHECK(is_scrubbed(first, count));
    CHECK_EQUAL(frame_get(first + count)->owner, 1);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(books_differences(), 0);
    return entries;
}

/* Processor 0 does the work, processor 1 acknowledges; a step more begins an entry more. */
static void a_step_scrubs_a_limited_number_of_frames(void)
{
    CHECK_EQUAL(entries_to_release(VIEW_STEP_FRAME_LIMIT - 1), 2);
    CHECK_EQUAL(entries_to_release(VIEW_STEP_FRAME_LIMIT), 3);
    CHECK_EQUAL(entries_to_release(2 * VIEW_STEP_FRAME_LIMIT), 4);
}

static void a_generation_in_the_middle_of_a_release_gives_the_rest_back(void)
{
    struct view_extent whole;

    (void)fake_three();
    whole = fake_view()->extents[0];
    fake_view_begin()->extents[0].frame_count = OFFSET_FREE;
    fake_view_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE))->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(frame_get(fake_frame(1, PARTITION_FRAME_COUNT - 1))->owner, 1);
    fake_view_begin()->extents[0] = whole;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE))->owner, 1);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(books_differences(), 0);
}

static void what_is_still_mapped_is_revoked_by_force(void)
{
    uint64_t data;

    (void)fake_three();
    data = fake_frame(1, OFFSET_DATA);
    fake_view_begin()->extents[0].frame_count = OFFSET_DATA;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK(is_scrubbed(data, PARTITION_FRAME_COUNT - OFFSET_DATA));
    /* No entry names what is gone, and what is left is as it was. */
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_CODE), ENTRY_OF(fake_frame(1, OFFSET_CODE), ENTRY_CODE));
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    CHECK_EQUAL(books_differences(), 0);
}

/* A root, a table and pages that the monitor writes are uses like any other. */
static void pages_of_the_monitor_and_tables_are_revoked_by_force(void)
{
    static const uint32_t kept[] = {OFFSET_L4, OFFSET_L2, OFFSET_TIME, OFFSET_SHARED};

    for (uint32_t index = 0; index < sizeof(kept) / sizeof(kept[0]); index++) {
        (void)fake_three();
        fake_view_begin()->extents[0].frame_count = kept[index];
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
        CHECK(is_scrubbed(fake_frame(1, kept[index]), PARTITION_FRAME_COUNT - kept[index]));
        CHECK_EQUAL(books_differences(), 0);
    }
}

static void the_first_reason_is_kept_when_a_stopped_partition_loses_memory(void)
{
    struct virtual_processor *record = fake_three();

    (void)fake_enter(record, 6, 0);
    fake_view_begin()->extents[0].frame_count = OFFSET_DATA;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_unhandled_trap);
    CHECK(is_scrubbed(fake_frame(1, OFFSET_DATA), 16));
    CHECK_EQUAL(books_differences(), 0);
}

static void an_overshoot_before_a_new_map_is_a_debt(void)
{
    struct virtual_processor *record = fake_three();
    struct view_body *body = fake_view_begin();

    body->processors[0].slots[0].quantum_cycles = 500;
    body->processors[0].slots[1].start_cycles = 500;
    body->processors[0].period_cycles = 1500;
    fake_view_publish();
    fake_times[0] = 1100;
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_TIMER)->id, 2);
    CHECK_EQUAL(record->debt_cycles, 100);
    CHECK_EQUAL(fake_times[0], 1000);
    CHECK_EQUAL(monitor_state()->processors[0].slot_end_cycles, 1500);
}

/* Each of what a slot says makes another map. */
static void a_map_is_another_by_owner_flags_or_quantum(void)
{
    for (uint32_t what = 0; what < 3; what++) {
        struct view_processor *map;

        (void)fake_three();
        map = &fake_view_begin()->processors[0];
        map->slots[1].virtual_processor = what == 0 ? 0 : 2;
        map->slots[1].flags = what == 1 ? SLOT_DONATES : 0;
        map->slots[1].quantum_cycles += what == 2;
        map->period_cycles += what == 2;
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK(memcmp(&monitor_state()->maps[0], &fake_view()->processors[0],
                     sizeof(struct view_processor)) == 0);
    }
}

/* A processor that has not run yet owes nothing to its old map. */
static void a_map_that_was_never_entered_is_replaced(void)
{
    (void)fake_three();
    monitor_state()->processors[0].slot_entered = 0;
    fake_view_begin()->processors[0].slots[0].flags = SLOT_DONATES;
    fake_view_publish();
    fake_times[0] = 1100;
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_TIMER)->id, 2);
    CHECK_EQUAL(record_get(0)->debt_cycles, 0);
}

/* A root of user mode is let go with the kernel's, whichever of the two is revoked. */
static void both_roots_are_let_go(void)
{
    for (uint32_t what = 0; what < 2; what++) {
        struct virtual_processor *record = fake_three();
        uint64_t user_root = fake_user_root(record);

        fake_view_begin()->extents[0].frame_count =
            what == 0 ? OFFSET_FREE + 50 : OFFSET_FREE + 120;
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(record->user_root_frame, what == 0 ? 0 : user_root);
        CHECK_EQUAL(fake_partition(1)->state, what == 0 ? PARTITION_STOPPED : PARTITION_RUNNING);
        CHECK_EQUAL(books_differences(), 0);
    }
    /* Revoked for something else, it keeps both. */
    struct virtual_processor *record = fake_three();
    uint64_t user_root = fake_user_root(record);
    struct view_body *body = fake_view_begin();

    body->extents[3] = body->extents[0];
    body->extents[4] = body->extents[0];
    body->extents[3].frame_count = OFFSET_DATA;
    body->extents[4].machine_frame += OFFSET_DATA + 1;
    body->extents[4].frame_count -= OFFSET_DATA + 1;
    body->extents[0].partition = 0;
    body->extent_count = 5;
    body->partitions[1].first_extent = 3;
    body->partitions[1].extent_count = 2;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(record->user_root_frame, user_root);
    CHECK_EQUAL(books_differences(), 0);
}

/* The same map once more: nobody's slot, yield or debt is another. */
static void a_view_with_the_same_map_leaves_the_schedule_alone(void)
{
    struct virtual_processor *record = fake_three();
    struct processor before;

    CHECK_EQUAL(fake_call(record, HC_yield, 0, 0, 0, 0), 0);
    before = monitor_state()->processors[0];
    fake_times[0] = 300;
    fake_view_begin()->partitions[3].rights = 0;
    fake_view_publish();
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_KICK)->id, IDLE_ID_FIRST);
    CHECK_EQUAL(record->yielded, YIELD_GIVEN);
    CHECK_EQUAL(monitor_state()->processors[0].slot_end_cycles, before.slot_end_cycles);
}

static void who_loses_its_slots_is_switched_out(void)
{
    struct virtual_processor *record = fake_three();
    struct view_body *body = fake_view_begin();

    body->processors[0].slot_count = 0;
    body->processors[0].period_cycles = 0;
    fake_view_publish();
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_RUNNABLE);
    body = fake_view_begin();
    body->processors[0].slot_count = 1;
    body->processors[0].period_cycles = 1000;
    fake_view_publish();
    CHECK_EQUAL(fake_processor_enter(0, ENTRY_KICK)->id, 0);
}

/* Somebody in a loop of calls cannot put the next step off. */
static void a_busy_processor_is_due_for_the_next_step(void)
{
    struct virtual_processor *record = fake_three();

    fake_view_begin()->extents[0].frame_count = OFFSET_FREE;
    fake_view_publish();
    fake_times[0] = 10;
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->processors[0].entry_due_cycles, 10 + VIEW_STEP_INTERVAL_CYCLES);
    fake_times[0] = 20;
    CHECK_EQUAL(fake_call(record, HC_timer_set, 500000, 0, 0, 0), 0);
    CHECK_EQUAL(monitor_state()->processors[0].entry_due_cycles, 10 + VIEW_STEP_INTERVAL_CYCLES);
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(monitor_state()->processors[0].entry_due_cycles, TIME_NEVER);
}

static void an_idle_processor_goes_on_at_once(void)
{
    struct virtual_processor *record = fake_three();

    CHECK_EQUAL(fake_call(record, HC_block, 0, 0, 0, 0), 0);
    fake_view_begin()->extents[0].frame_count = OFFSET_FREE;
    fake_view_publish();
    fake_times[0] = 10;
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(fake_deadlines[0], 10);
}

static uint32_t random_below(uint64_t *word, uint32_t limit)
{
    *word = *word * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*word >> 33) % limit;
}

static bool is_free(uint32_t partition)
{
    for (uint32_t offset = 0; offset < PARTITION_FRAME_COUNT; offset++) {
        if (frame_get(fake_frame(partition, offset))->owner != FRAME_OWNER_FREE) {
            return false;
        }
    }
    return true;
}

/* One change to one partition of a body, whatever state that is in. True: a new one was built. */
static bool random_change(struct view_body *body, const struct view_body *first, uint64_t *word)
{
    uint32_t id = 1 + random_below(word, 3);
    struct view_partition *row = &body->partitions[id];

    if (row->kind == PARTITION_unused && is_free(id)) {
        uint32_t incarnation = fake_partition(id)->incarnation + 1;

        fake_tables_build(id);
        *row = first->partitions[id];
        row->incarnation = incarnation;
        row->state = random_below(word, 3);
        body->extents[id - 1] = first->extents[id - 1];
        return true;
    }
    switch (random_below(word, 6)) {
    case 0:
        memset(row, 0, sizeof(*row));
        memset(&body->extents[id - 1], 0, sizeof(body->extents[0]));
        break;
    case 1:
        body->extents[id - 1].frame_count = random_below(word, PARTITION_FRAME_COUNT + 1);
        break;
    case 2:
        body->processors[0].slot_count = 0;
        body->processors[0].period_cycles = 0;
        break;
    case 3:
        body->processors[0] = first->processors[0];
        break;
    default:
        row->state = random_below(word, 3);
        break;
    }
    return false;
}

static void check_settled(void)
{
    const struct view_body *body = fake_view();

    CHECK(fake_view_settle() != 0 || monitor_state()->progress.stage == VIEW_STAGE_done);
    for (uint32_t id = 1; id <= 3; id++) {
        const struct view_extent *extent = &body->extents[id - 1];
        uint64_t end = extent->partition == id ? extent->frame_count : 0;

        CHECK(is_scrubbed(fake_frame(id, (uint32_t)end), PARTITION_FRAME_COUNT - end));
        CHECK_EQUAL(fake_partition(id)->state == PARTITION_ABSENT,
                    body->partitions[id].kind == PARTITION_unused);
    }
}

static void books_hold_after_random_views(void)
{
    static struct view_body first;
    uint64_t word = 1;

    for (uint32_t host = 0; host < 20; host++) {
        (void)fake_three();
        first = *fake_view();
        for (uint32_t change = 0; change < 30; change++) {
            bool built = random_change(fake_view_begin(), &first, &word);

            fake_view_publish();
            for (uint32_t count = random_below(&word, 6); count > 0; count--) {
                uint32_t processor = random_below(&word, 2);

                fake_times[processor] += random_below(&word, 700);
                (void)fake_processor_enter(processor,
                                           random_below(&word, 2) == 0 ? ENTRY_KICK : ENTRY_TIMER);
                CHECK_EQUAL(books_differences(), 0);
            }
            fake_log_clear();
            /* What is built and not given would be the writer's to scrub. */
            if (built || random_below(&word, 2) == 0) {
                check_settled();
            }
        }
        check_settled();
    }
}

static const struct test tests[] = {
    {"each_processor_acknowledges_at_its_next_entry",
     each_processor_acknowledges_at_its_next_entry},
    {"paused_records_are_not_chosen_and_go_on", paused_records_are_not_chosen_and_go_on},
    {"pausing_waits_for_each_processor", pausing_waits_for_each_processor},
    {"a_record_that_starts_in_a_pause_is_paused", a_record_that_starts_in_a_pause_is_paused},
    {"events_and_timers_of_a_paused_record_wait", events_and_timers_of_a_paused_record_wait},
    {"a_view_stops_a_partition_by_order", a_view_stops_a_partition_by_order},
    {"a_destroyed_partition_goes_when_every_processor_has_left_it",
     a_destroyed_partition_goes_when_every_processor_has_left_it},
    {"a_number_is_used_again_with_a_higher_incarnation",
     a_number_is_used_again_with_a_higher_incarnation},
    {"another_incarnation_on_the_same_frames_finds_them_scrubbed",
     another_incarnation_on_the_same_frames_finds_them_scrubbed},
    {"a_step_scrubs_a_limited_number_of_frames", a_step_scrubs_a_limited_number_of_frames},
    {"a_generation_in_the_middle_of_a_release_gives_the_rest_back",
     a_generation_in_the_middle_of_a_release_gives_the_rest_back},
    {"what_is_still_mapped_is_revoked_by_force", what_is_still_mapped_is_revoked_by_force},
    {"pages_of_the_monitor_and_tables_are_revoked_by_force",
     pages_of_the_monitor_and_tables_are_revoked_by_force},
    {"the_first_reason_is_kept_when_a_stopped_partition_loses_memory",
     the_first_reason_is_kept_when_a_stopped_partition_loses_memory},
    {"an_overshoot_before_a_new_map_is_a_debt", an_overshoot_before_a_new_map_is_a_debt},
    {"a_map_is_another_by_owner_flags_or_quantum", a_map_is_another_by_owner_flags_or_quantum},
    {"a_map_that_was_never_entered_is_replaced", a_map_that_was_never_entered_is_replaced},
    {"both_roots_are_let_go", both_roots_are_let_go},
    {"a_view_with_the_same_map_leaves_the_schedule_alone",
     a_view_with_the_same_map_leaves_the_schedule_alone},
    {"who_loses_its_slots_is_switched_out", who_loses_its_slots_is_switched_out},
    {"a_busy_processor_is_due_for_the_next_step", a_busy_processor_is_due_for_the_next_step},
    {"an_idle_processor_goes_on_at_once", an_idle_processor_goes_on_at_once},
    {"books_hold_after_random_views", books_hold_after_random_views},
    {0},
};

const struct suite suite_views = {"views", tests};
