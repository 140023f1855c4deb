/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cyclic map: exact starts and ends, overshoot, debt, donation, idling. */
#include <string.h>

#include "check.h"
#include "fake.h"

static struct virtual_processor *idle(void)
{
    return record_get(IDLE_ID_FIRST);
}

/* Three partitions with a virtual processor each on one processor; quanta 100, 200, 300. */
static struct virtual_processor *three(uint32_t flags0, uint32_t flags1, uint32_t flags2)
{
    static const uint32_t processors[1] = {0};

    fake_reset(1);
    for (uint32_t count = 0; count < 3; count++) {
        (void)fake_partition_add(RIGHT_ALL, 1, processors);
    }
    fake_slot_add(0, 0, 100, flags0);
    fake_slot_add(0, 1, 200, flags1);
    fake_slot_add(0, 2, 300, flags2);
    monitor_start();
    fake_next = fake_first(0);
    fake_log_clear();
    return fake_next;
}

static struct virtual_processor *timer_at(uint64_t now)
{
    fake_times[0] = now;
    return fake_enter(fake_next, ENTRY_TIMER, 0);
}

/* Who runs, until when, and in which slot of the schedule. */
static void check_runs(const struct virtual_processor *record, uint64_t deadline)
{
    CHECK_EQUAL(fake_next->id, record->id);
    CHECK_EQUAL(fake_deadlines[0], deadline);
    CHECK_EQUAL(monitor_state()->processors[0].current, record->id);
    CHECK_EQUAL(monitor_state()->processors[0].attention, 0);
}

static void slots_follow_each_other(void)
{
    (void)three(0, 0, 0);
    check_runs(record_get(0), 100);
    (void)timer_at(50); /* nothing to do yet */
    check_runs(record_get(0), 100);
    (void)timer_at(100);
    check_runs(record_get(1), 300);
    CHECK_EQUAL(monitor_state()->processors[0].slot_start_cycles, 100);
    CHECK_EQUAL(monitor_state()->processors[0].slot_end_cycles, 300);
    (void)timer_at(300);
    check_runs(record_get(2), 600);
    (void)timer_at(600);
    check_runs(record_get(0), 700);
    CHECK_EQUAL(monitor_state()->processors[0].switches, 4);
    CHECK_EQUAL(fake_log_count(FAKE_REBATE), 0);
}

static void first_slot_is_found_at_any_time(void)
{
    (void)three(0, 0, 0);
    monitor_state()->processors[0].slot_entered = 0;
    (void)timer_at(600 * 1000000000000ull + 299);
    check_runs(record_get(1), 600 * 1000000000000ull + 300);
}

static void overshoot_is_debt_and_the_clock_goes_back(void)
{
    (void)three(0, 0, 0);
    (void)timer_at(130);
    CHECK_EQUAL(fake_log_get(FAKE_REBATE, 0).values[0], 0);
    CHECK_EQUAL(fake_log_get(FAKE_REBATE, 0).values[1], 30);
    CHECK_EQUAL(fake_times[0], 100);
    CHECK_EQUAL(record_get(0)->debt_cycles, 30);
    check_runs(record_get(1), 300); /* whole */
    (void)timer_at(300);
    (void)timer_at(600);
    check_runs(record_get(0), 670); /* 30 less */
    (void)timer_at(670);
    check_runs(idle(), 700);
    CHECK_EQUAL(record_get(0)->debt_cycles, 0);
    (void)timer_at(700);
    check_runs(record_get(1), 900);
    (void)timer_at(900);
    (void)timer_at(1200);
    check_runs(record_get(0), 1300); /* paid */
}

static void withheld_is_what_was_really_withheld(void)
{
    (void)three(0, 0, 0);
    (void)timer_at(130);
    (void)timer_at(300);
    (void)timer_at(600);
    (void)timer_at(681); /* 11 beyond its shortened end: 19 are withheld */
    check_runs(idle(), 700);
    CHECK_EQUAL(record_get(0)->debt_cycles, 11);
    CHECK_EQUAL(fake_log_count(FAKE_REBATE), 1);
    (void)fake_enter(fake_next, ENTRY_KICK, 0); /* it does not run again in this slot */
    check_runs(idle(), 700);
    CHECK_EQUAL(record_get(0)->debt_cycles, 11);
    (void)timer_at(700);
    (void)timer_at(900);
    (void)timer_at(1200);
    check_runs(record_get(0), 1289);
    /* Beyond the slot itself: nothing is withheld, and there is more to pay. */
    (void)timer_at(1305);
    CHECK_EQUAL(record_get(0)->debt_cycles, 16);
    CHECK_EQUAL(fake_times[0], 1300);
    check_runs(record_get(1), 1500);
}

static void large_debt_takes_whole_slots(void)
{
    (void)three(0, 0, 0);
    (void)timer_at(100 + 250);
    CHECK_EQUAL(record_get(0)->debt_cycles, 250);
    CHECK_EQUAL(fake_times[0], 100);
    for (uint64_t cycle = 1; cycle <= 2; cycle++) {
        (void)timer_at(cycle * 600 - 300);
        (void)timer_at(cycle * 600);
        check_runs(idle(), cycle * 600 + 100); /* the start of the second's slot */
        CHECK_EQUAL(record_get(0)->debt_cycles, 250 - cycle * 100);
        (void)timer_at(cycle * 600 + 100);
        check_runs(record_get(1), cycle * 600 + 300);
    }
    (void)timer_at(1500);
    (void)timer_at(1800);
    check_runs(record_get(0), 1850);
    (void)timer_at(1850);
    check_runs(idle(), 1900);
    CHECK_EQUAL(record_get(0)->debt_cycles, 0);
}

static void debt_of_exactly_a_quantum(void)
{
    (void)three(0, 0, 0);
    (void)timer_at(200);
    CHECK_EQUAL(record_get(0)->debt_cycles, 100);
    (void)timer_at(300);
    (void)timer_at(600);
    check_runs(idle(), 700);
    CHECK_EQUAL(record_get(0)->debt_cycles, 0);
}

static void yield_ends_the_slot_only(void)
{
    struct virtual_processor *first = three(0, 0, 0);

    fake_times[0] = 40;
    CHECK_EQUAL(fake_call(first, HC_yield, 0, 0, 0, 0), 0);
    check_runs(idle(), 100);
    (void)fake_enter(fake_next, ENTRY_KICK, 0);
    check_runs(idle(), 100);
    (void)timer_at(100);
    check_runs(record_get(1), 300);
    (void)timer_at(300);
    (void)timer_at(600);
    check_runs(first, 700);
    CHECK_EQUAL(first->yielded, 0);
}

static void alone_in_the_map_a_yield_idles_until_the_next_instance(void)
{
    static const uint32_t processors[1] = {0};
    struct virtual_processor *record;

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_slot_add(0, 0, 100, 0);
    monitor_start();
    record = fake_first(0);
    fake_times[0] = 10;
    (void)fake_call(record, HC_yield, 0, 0, 0, 0);
    check_runs(idle(), 100);
    (void)timer_at(100);
    check_runs(record, 200);
}

/* An overshoot noticed at a call is the same overshoot. */
static void yield_beyond_the_end_of_the_slot(void)
{
    struct virtual_processor *first = three(0, 0, 0);

    fake_times[0] = 120;
    (void)fake_call(first, HC_yield, 0, 0, 0, 0);
    CHECK_EQUAL(first->debt_cycles, 20);
    CHECK_EQUAL(fake_times[0], 100);
    CHECK_EQUAL(first->yielded, 0);
    check_runs(record_get(1), 300);
    fake_times[0] = 310;
    (void)fake_call(fake_next, HC_block, 0, 0, 0, 0);
    CHECK_EQUAL(record_get(1)->debt_cycles, 10);
    CHECK_EQUAL(fake_times[0], 300);
    check_runs(record_get(2), 600);
}

static void idle_sleeps_over_slots_that_nobody_uses(void)
{
    struct virtual_processor *first = three(0, 0, 0);

    fake_stop(fake_next, 2);
    fake_stop(fake_next, 3);
    (void)timer_at(100);
    check_runs(idle(), 600);
    (void)timer_at(600);
    check_runs(first, 700);
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    check_runs(idle(), TIME_NEVER);
    /* Woken long after, in the middle of somebody else's slot, and in its own. */
    fake_shared(1, 0)->events_pending = 2;
    fake_times[0] = 600 * 700000 + 150;
    (void)fake_enter(fake_next, ENTRY_KICK, 0);
    check_runs(idle(), 600 * 700001ull);
    (void)timer_at(600 * 700001ull);
    check_runs(first, 600 * 700001ull + 100);
    CHECK_EQUAL(fake_log_count(FAKE_REBATE), 0);
    /* Exactly where a slot begins that is not the next one. */
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    fake_shared(1, 0)->events_pending = 0;
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    (void)timer_at(600 * 800000ull + 300);
    CHECK_EQUAL(monitor_state()->processors[0].slot, 2);
    CHECK_EQUAL(monitor_state()->processors[0].slot_start_cycles, 600 * 800000ull + 300);
    CHECK_EQUAL(monitor_state()->processors[0].slot_end_cycles, 600 * 800001ull);
}

static void all_blocked_is_idle_for_ever(void)
{
    (void)three(SLOT_DONATES, SLOT_DONATES, SLOT_DONATES);
    (void)fake_call(fake_next, HC_block, 0, 0, 0, 0);
    (void)fake_call(fake_next, HC_block, 0, 0, 0, 0);
    CHECK_EQUAL(fake_next->id, 2);
    fake_times[0] = 50;
    (void)fake_call(fake_next, HC_timer_set, 12345, 0, 0, 0);
    (void)fake_call(fake_next, HC_block, 0, 0, 0, 0);
    check_runs(idle(), 12345);
    (void)timer_at(12345); /* offset 345 of its cycle: the slot of the third */
    check_runs(record_get(2), 12600);
    fake_shared(3, 0)->events_pending = 0;
    (void)fake_call(fake_next, HC_block, 0, 0, 0, 0);
    check_runs(idle(), TIME_NEVER);
}

static void empty_map_idles_for_ever(void)
{
    fake_reset(2);
    monitor_start();
    fake_next = fake_first(0);
    check_runs(idle(), TIME_NEVER);
    (void)timer_at(1000000);
    check_runs(idle(), TIME_NEVER);
    CHECK_EQUAL(monitor_state()->processors[0].switches, 0);
    CHECK_EQUAL(fake_first(1)->id, IDLE_ID_FIRST + 1);
}

static void event_in_its_own_slot_runs_at_once(void)
{
    struct virtual_processor *first = three(0, 0, 0);

    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    check_runs(idle(), 100);
    fake_shared(1, 0)->events_pending = 2;
    fake_times[0] = 60;
    (void)fake_enter(fake_next, ENTRY_KICK, 0);
    check_runs(first, 100);
    /* Not in its own slot: later. */
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    fake_shared(1, 0)->events_pending = 0;
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    (void)timer_at(100);
    fake_shared(1, 0)->events_pending = 2;
    fake_times[0] = 200;
    (void)fake_enter(fake_next, ENTRY_KICK, 0);
    check_runs(record_get(1), 300);
    CHECK_EQUAL(first->state, VIRTUAL_PROCESSOR_RUNNABLE);
}

static void donated_time_goes_to_the_next_in_map_order(void)
{
    struct virtual_processor *first = three(SLOT_DONATES, 0, 0);

    fake_times[0] = 30;
    (void)fake_call(first, HC_yield, 0, 0, 0, 0);
    check_runs(record_get(1), 100);
    (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
    check_runs(record_get(2), 100);
    (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
    check_runs(first, 100); /* it goes round: idle only when nobody wants it */
    (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
    (void)timer_at(100);
    check_runs(record_get(1), 300); /* what it gave up was the first's slot */
    CHECK_EQUAL(first->yielded | record_get(1)->yielded | record_get(2)->yielded, 0);
    (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
    check_runs(idle(), 300); /* this slot does not donate */
}

static void search_for_a_donee_is_cyclic(void)
{
    struct virtual_processor *first = three(0, 0, SLOT_DONATES);

    fake_stop(fake_next, 3);
    (void)timer_at(100);
    (void)timer_at(300);
    check_runs(first, 600);
    CHECK_EQUAL(monitor_state()->processors[0].slot, 2);
}

static void who_overshoots_a_donated_slot_is_in_debt(void)
{
    struct virtual_processor *first = three(SLOT_DONATES, 0, 0);

    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    check_runs(record_get(1), 100);
    (void)timer_at(125);
    CHECK_EQUAL(record_get(1)->debt_cycles, 25);
    CHECK_EQUAL(first->debt_cycles, 0);
    check_runs(record_get(1), 275); /* its own slot, shortened */
}

static void rest_of_a_slot_in_debt_is_donated(void)
{
    (void)three(SLOT_DONATES, 0, 0);
    (void)timer_at(130);
    (void)timer_at(300);
    (void)timer_at(600);
    check_runs(record_get(0), 670);
    (void)timer_at(670);
    check_runs(record_get(1), 700);
    CHECK_EQUAL(record_get(0)->debt_cycles, 0);
}

static void yields_do_not_bring_back_an_owner_in_debt(void)
{
    (void)three(SLOT_DONATES, 0, 0);
    (void)timer_at(130);
    (void)timer_at(300);
    (void)timer_at(600);
    (void)timer_at(670);
    check_runs(record_get(1), 700);
    (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
    check_runs(record_get(2), 700);
    (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
    check_runs(record_get(1), 700);
    CHECK_EQUAL(record_get(0)->yielded, YIELD_WITHHELD);
}

static void the_only_one_who_wants_donated_time_keeps_it(void)
{
    struct virtual_processor *first = three(SLOT_DONATES, 0, 0);

    fake_stop(record_get(1), 2);
    fake_stop(record_get(2), 3);
    fake_times[0] = 30;
    (void)fake_call(first, HC_yield, 0, 0, 0, 0);
    check_runs(first, 100);
}

static void owner_takes_its_donated_slot_back(void)
{
    struct virtual_processor *first = three(SLOT_DONATES, 0, 0);

    fake_link_add(2, 8, 1, 10, 0);
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    check_runs(record_get(1), 100);
    fake_times[0] = 20;
    CHECK_EQUAL(fake_call(fake_next, HC_event_send, 8, 0, 0, 0), 0);
    check_runs(first, 100);
    /* By a timer that another one's run is ended by. */
    fake_shared(1, 0)->events_pending = 0;
    (void)fake_call(first, HC_timer_set, 60, 0, 0, 0);
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    check_runs(record_get(1), 60);
    (void)timer_at(61);
    check_runs(first, 100);
}

static void idle_wakes_for_a_donating_slot(void)
{
    struct virtual_processor *first = three(0, 0, SLOT_DONATES);

    fake_stop(fake_next, 2);
    fake_stop(fake_next, 3);
    (void)timer_at(100);
    check_runs(idle(), 300); /* the third's slot, which the first may use */
    (void)timer_at(300);
    check_runs(first, 600);
}

static void record_with_two_slots_has_debts_in_both(void)
{
    static const uint32_t processors[1] = {0};

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_slot_add(0, 0, 100, 0);
    fake_slot_add(0, 0, 100, 0);
    fake_slot_add(0, 1, 100, 0);
    monitor_start();
    fake_next = fake_first(0);
    check_runs(record_get(0), 100);
    (void)timer_at(110);
    check_runs(record_get(0), 190); /* at 100 again, and ten less */
    CHECK_EQUAL(fake_times[0], 100);
    (void)timer_at(190);
    check_runs(idle(), 200);
    (void)timer_at(200);
    check_runs(record_get(1), 300);
    CHECK_EQUAL(monitor_state()->processors[0].switches, 3);
}

static void time_page_is_written_at_the_switch(void)
{
    const struct time_page *page = NULL;

    (void)three(0, 0, 0);
    page = (const struct time_page *)fake_words(2, OFFSET_TIME);
    CHECK_EQUAL(page->sequence, 0);
    (void)timer_at(130);
    CHECK_EQUAL(page->sequence, 2);
    CHECK_EQUAL(page->time_cycles, 100);
    (void)timer_at(200);
    CHECK_EQUAL(page->sequence, 2); /* it was not switched in again */
    (void)timer_at(300);
    (void)timer_at(600);
    (void)timer_at(700);
    CHECK_EQUAL(page->sequence, 4);
    CHECK_EQUAL(page->time_cycles, 700);
}

/* Two processors have two schedules; a stop on one kicks the other off. */
static void processors_are_independent(void)
{
    static const uint32_t first_two[2] = {0, 1};
    struct virtual_processor *left, *right;

    fake_reset(2);
    (void)fake_partition_add(RIGHT_ALL, 2, first_two);
    fake_slot_add(0, 0, 100, 0);
    fake_slot_add(1, 1, 50, 0);
    monitor_start();
    left = fake_first(0);
    record_get(1)->state = VIRTUAL_PROCESSOR_RUNNABLE;
    right = fake_first(1);
    CHECK_EQUAL(left->id, 0);
    CHECK_EQUAL(right->id, 1);
    CHECK_EQUAL(fake_deadlines[0], 100);
    CHECK_EQUAL(fake_deadlines[1], 50);
    fake_log_clear();
    CHECK_EQUAL(fake_enter(left, 6, 0)->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_log_count(FAKE_KICK), 1);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 1);
    CHECK_EQUAL(monitor_state()->processors[1].attention, 1);
    CHECK_EQUAL(fake_call(right, HC_version, 0, 0, 0, 0), HC_version);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST + 1);
    CHECK_EQUAL(fake_deadlines[1], TIME_NEVER);
    CHECK_EQUAL(monitor_state()->processors[1].attention, 0);
}

/* A new generation is acknowledged at the next entry, and its map holds from the next decision. */
static void new_generation_brings_a_new_map(void)
{
    struct virtual_processor *first = three(0, 0, 0);
    struct view_region *region = machine_pointer(VIEW_REGION_ADDRESS);
    struct view_processor *map = &region->bodies[0].processors[0];

    region->bodies[0] = region->bodies[1];
    map->slot_count = 2;
    map->slots[0] = (struct view_slot){2, 0, 0, 40};
    map->slots[1] = (struct view_slot){0, 0, 40, 60};
    map->period_cycles = 100;
    region->generation = 2;
    fake_times[0] = 50;
    CHECK_EQUAL(fake_call(first, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(monitor_state()->processors[0].acknowledged_generation, 2);
    (void)timer_at(100);
    check_runs(record_get(2), 140);
    (void)timer_at(140);
    check_runs(first, 200);
    (void)timer_at(200);
    check_runs(record_get(2), 240);
}

/* A null call does not ask for the time, and does not touch the schedule. */
static void hypercall_leaves_the_schedule_alone(void)
{
    struct virtual_processor *first = three(0, 0, 0);
    struct processor before = monitor_state()->processors[0];

    fake_times[0] = 5000;
    CHECK_EQUAL(fake_call(first, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK(fake_next == first);
    CHECK_EQUAL(fake_log_total(), 0);
    CHECK(memcmp(&before, &monitor_state()->processors[0], sizeof(before)) == 0);
}

/* Whatever a hostile neighbour does, the slots of the others stay where they are. */
static void overshoots_never_move_others(void)
{
    struct virtual_processor *victim;
    uint64_t random = 12345;

    (void)three(0, SLOT_DONATES, 0);
    victim = record_get(2);
    for (uint32_t cycle = 0; cycle < 200; cycle++) {
        while (fake_next != victim) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            fake_times[0] = record_is_idle(fake_next) ? fake_deadlines[0]
                                                      : fake_deadlines[0] + (random >> 33) % 90;
            if ((random >> 40) % 3 == 0 && !record_is_idle(fake_next)) {
                (void)fake_call(fake_next, HC_yield, 0, 0, 0, 0);
            } else {
                (void)fake_enter(fake_next, ENTRY_TIMER, 0);
            }
            if (fake_next == victim && monitor_state()->processors[0].slot != 2) {
                (void)timer_at(fake_deadlines[0]); /* a donation that it uses up exactly */
            }
        }
        CHECK_EQUAL(fake_times[0], cycle * 600 + 300);
        CHECK_EQUAL(fake_deadlines[0], cycle * 600 + 600);
        (void)timer_at(cycle * 600 + 600);
    }
    CHECK(record_get(0)->debt_cycles + record_get(1)->debt_cycles < 400);
}

static const struct test tests[] = {
    {"slots_follow_each_other", slots_follow_each_other},
    {"first_slot_is_found_at_any_time", first_slot_is_found_at_any_time},
    {"overshoot_is_debt_and_the_clock_goes_back", overshoot_is_debt_and_the_clock_goes_back},
    {"withheld_is_what_was_really_withheld", withheld_is_what_was_really_withheld},
    {"large_debt_takes_whole_slots", large_debt_takes_whole_slots},
    {"debt_of_exactly_a_quantum", debt_of_exactly_a_quantum},
    {"yield_ends_the_slot_only", yield_ends_the_slot_only},
    {"alone_in_the_map_a_yield_idles_until_the_next_instance",
     alone_in_the_map_a_yield_idles_until_the_next_instance},
    {"yield_beyond_the_end_of_the_slot", yield_beyond_the_end_of_the_slot},
    {"idle_sleeps_over_slots_that_nobody_uses", idle_sleeps_over_slots_that_nobody_uses},
    {"all_blocked_is_idle_for_ever", all_blocked_is_idle_for_ever},
    {"empty_map_idles_for_ever", empty_map_idles_for_ever},
    {"event_in_its_own_slot_runs_at_once", event_in_its_own_slot_runs_at_once},
    {"donated_time_goes_to_the_next_in_map_order", donated_time_goes_to_the_next_in_map_order},
    {"search_for_a_donee_is_cyclic", search_for_a_donee_is_cyclic},
    {"who_overshoots_a_donated_slot_is_in_debt", who_overshoots_a_donated_slot_is_in_debt},
    {"rest_of_a_slot_in_debt_is_donated", rest_of_a_slot_in_debt_is_donated},
    {"yields_do_not_bring_back_an_owner_in_debt", yields_do_not_bring_back_an_owner_in_debt},
    {"the_only_one_who_wants_donated_time_keeps_it", the_only_one_who_wants_donated_time_keeps_it},
    {"owner_takes_its_donated_slot_back", owner_takes_its_donated_slot_back},
    {"idle_wakes_for_a_donating_slot", idle_wakes_for_a_donating_slot},
    {"record_with_two_slots_has_debts_in_both", record_with_two_slots_has_debts_in_both},
    {"time_page_is_written_at_the_switch", time_page_is_written_at_the_switch},
    {"processors_are_independent", processors_are_independent},
    {"new_generation_brings_a_new_map", new_generation_brings_a_new_map},
    {"hypercall_leaves_the_schedule_alone", hypercall_leaves_the_schedule_alone},
    {"overshoots_never_move_others", overshoots_never_move_others},
    {0, 0},
};

const struct suite suite_schedule = {"schedule", tests};
