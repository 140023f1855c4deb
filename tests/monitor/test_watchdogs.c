/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partitions that let the deadline of their own watchdog pass. */
#include "check.h"
#include "fake_32.h"
#include "platform_inline.h"

#define DEADLINE 150u
#define WIDE_DEADLINE 0x200000010ull

static int64_t watchdog_set(struct virtual_processor *record, uint64_t deadline_cycles)
{
    bool narrow = record->width == 32;

    return fake_call(record, HC_watchdog_set, narrow ? (uint32_t)deadline_cycles : deadline_cycles,
                     narrow ? deadline_cycles >> 32 : 0, 0, 0);
}

static void pass_until(uint64_t now)
{
    for (uint32_t processor = 0; processor < monitor_state()->processor_count; processor++) {
        fake_times[processor] = now;
    }
}

static void a_deadline_that_passes_stops_the_partition(void)
{
    static const uint32_t widths[] = {64, 32};

    for (uint32_t index = 0; index < 2; index++) {
        struct virtual_processor *record = fake_simple_of(widths[index]);

        CHECK_EQUAL(watchdog_set(record, 40), 0);
        CHECK_EQUAL(fake_deadlines[0], 40);
        pass_until(39);
        (void)fake_processor_enter(0, ENTRY_TIMER);
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
        pass_until(40);
        fake_next = fake_processor_enter(0, ENTRY_TIMER);
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
        CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_watchdog);
        CHECK_EQUAL(fake_partition(1)->stop.address, 40);
        CHECK(fake_next->partition != 1);
        CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
        CHECK_EQUAL(monitor_state()->running_partitions, 1);
    }
}

static void both_widths_give_the_whole_deadline(void)
{
    static const uint32_t widths[] = {64, 32};

    for (uint32_t index = 0; index < 2; index++) {
        struct virtual_processor *record = fake_simple_of(widths[index]);

        CHECK_EQUAL(watchdog_set(record, WIDE_DEADLINE), 0);
        CHECK_EQUAL(fake_partition(1)->watchdog_deadline_cycles, WIDE_DEADLINE);
    }
}

static void a_watchdog_that_is_set_again_or_disarmed_stops_nobody(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(watchdog_set(record, 40), 0);
    CHECK_EQUAL(watchdog_set(record, 60), 0);
    pass_until(50);
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(monitor_state()->processors[0].watchdog_due_cycles, 60);
    CHECK_EQUAL(watchdog_set(record, 0), 0);
    pass_until(70);
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(monitor_state()->processors[0].watchdog_due_cycles, TIME_NEVER);
}

/* It waits for an event that never comes: what it does not do is what is watched. */
static void a_partition_that_waits_is_stopped_too(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(watchdog_set(record, 40), 0);
    (void)fake_call(record, HC_block, 0, 0, 0, 0);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_BLOCKED);
    pass_until(40);
    fake_next = fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_watchdog);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_STOPPED);
}

/* Set by its second virtual processor, and looked after by the processor of its first. */
static void one_watchdog_serves_all_processors_of_a_partition(void)
{
    struct virtual_processor *caller = fake_smp(2);
    struct processor_context *context = fake_guest(1, GUEST_DATA);

    *context =
        (struct processor_context){GUEST_HANDLER, GUEST_STACK_TOP, 0, fake_frame(1, OFFSET_L4)};
    CHECK_EQUAL(fake_call(caller, HC_processor_start, 1, GUEST_DATA, 0, 0), 0);
    CHECK(fake_processor_enter(1, ENTRY_KICK) == record_get(1));
    fake_log_clear();
    CHECK_EQUAL(watchdog_set(record_get(1), DEADLINE), 0);
    CHECK_EQUAL(fake_log_count(FAKE_KICK), 1);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 0);
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->processors[0].watchdog_due_cycles, DEADLINE);
    CHECK(fake_deadlines[0] <= DEADLINE);
    pass_until(DEADLINE);
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_watchdog);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(monitor_state()->processors[1].attention, 1);
}

static void the_first_reason_is_kept(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(watchdog_set(record, 40), 0);
    (void)fake_call(record, HC_partition_exit, 7, GUEST_DATA, 0, 0);
    pass_until(50);
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_exit);
    CHECK_EQUAL(fake_partition(1)->stop.exit_code, 7);
}

/* Other partitions' watchdogs, of this and of another processor, are their own. */
static void only_who_is_due_is_stopped(void)
{
    (void)fake_three();
    CHECK_EQUAL(watchdog_set(record_get(0), 40), 0);
    fake_partition(2)->watchdog_deadline_cycles = 60;
    fake_partition(3)->watchdog_deadline_cycles = 30;
    pass_until(50);
    (void)fake_processor_enter(0, ENTRY_TIMER);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_watchdog);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    CHECK_EQUAL(fake_partition(3)->state, PARTITION_RUNNING);
    CHECK_EQUAL(monitor_state()->processors[0].watchdog_due_cycles, 60);
}

static const struct test tests[] = {
    {"a_deadline_that_passes_stops_the_partition", a_deadline_that_passes_stops_the_partition},
    {"both_widths_give_the_whole_deadline", both_widths_give_the_whole_deadline},
    {"a_watchdog_that_is_set_again_or_disarmed_stops_nobody",
     a_watchdog_that_is_set_again_or_disarmed_stops_nobody},
    {"a_partition_that_waits_is_stopped_too", a_partition_that_waits_is_stopped_too},
    {"one_watchdog_serves_all_processors_of_a_partition",
     one_watchdog_serves_all_processors_of_a_partition},
    {"the_first_reason_is_kept", the_first_reason_is_kept},
    {"only_who_is_due_is_stopped", only_who_is_due_is_stopped},
    {0},
};

const struct suite suite_watchdogs = {"watchdogs", tests};
