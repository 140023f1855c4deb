/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual processors: started, stopped, free only when nobody holds them any more. */
#include <string.h>

#include "check.h"
#include "fake.h"

#define CONTEXT GUEST_DATA

static struct processor_context *context(void)
{
    struct processor_context *context = fake_guest(1, CONTEXT);

    *context = (struct processor_context){GUEST_HANDLER, GUEST_STACK_TOP - 0x3000, 77,
                                          fake_frame(1, OFFSET_L4)};
    return context;
}

static uint32_t root_count(void)
{
    return frame_get(fake_frame(1, OFFSET_L4))->type_count;
}

static void start_begins_a_sibling(void)
{
    struct virtual_processor *caller = fake_smp(2);
    struct virtual_processor *target = record_get(1);
    struct registers expected;

    (void)fake_call(caller, HC_callback_set, CALLBACK_event, GUEST_HANDLER + 0x10, 0, 0);
    memset(&target->registers, 0x77, sizeof(target->registers));
    target->fs_base = target->gs_base = target->gs_base_other = 5;
    target->debt_cycles = 40;
    fake_shared(1, 1)->events_masked = 0;
    (void)context();
    CHECK_EQUAL(root_count(), 2);
    CHECK_EQUAL(fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0), 0);
    memset(&expected, 0, sizeof(expected));
    expected.rip = GUEST_HANDLER;
    expected.rsp = GUEST_STACK_TOP - 0x3000;
    expected.rdi = 77;
    expected.rflags = 0x202;
    expected.cs = SELECTOR_GUEST_CODE_64;
    expected.ss = SELECTOR_GUEST_DATA;
    CHECK(memcmp(&target->registers, &expected, sizeof(expected)) == 0);
    CHECK_EQUAL(target->state, VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK_EQUAL(target->fs_base | target->gs_base | target->gs_base_other, 0);
    CHECK_EQUAL(target->kernel_stack_top, GUEST_STACK_TOP - 0x3000);
    CHECK_EQUAL(target->callbacks[CALLBACK_event], GUEST_HANDLER + 0x10);
    CHECK_EQUAL(target->kernel_root_frame, fake_frame(1, OFFSET_L4));
    CHECK_EQUAL(target->user_root_frame, 0);
    CHECK_EQUAL(target->debt_cycles, 40); /* a start is no way out of debt */
    CHECK_EQUAL(target->started, 1);
    CHECK_EQUAL(fake_shared(1, 1)->events_masked, 1);
    CHECK_EQUAL(root_count(), 3);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA) & (ENTRY_ACCESSED | ENTRY_DIRTY), ENTRY_ACCESSED);
    CHECK_EQUAL(fake_log_count(FAKE_CONTEXT_RESET), 1);
    CHECK_EQUAL(fake_log_get(FAKE_CONTEXT_RESET, 0).values[0], 1);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 1);
    CHECK(fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0) == target);
    CHECK(fake_refused(caller, ERROR_wrong_state, HC_processor_start, 1, CONTEXT, 0, 0));
}

static void start_refuses(void)
{
    struct virtual_processor *caller = fake_smp(2);

    (void)context();
    CHECK(fake_refused(caller, ERROR_not_found, HC_processor_start, 2, CONTEXT, 0, 0));
    CHECK(fake_refused(caller, ERROR_not_found, HC_processor_start, 1ull << 32 | 1, CONTEXT, 0, 0));
    CHECK(fake_refused(caller, ERROR_wrong_state, HC_processor_start, 0, CONTEXT, 0, 0));
    CHECK(fake_refused(caller, ERROR_fault, HC_processor_start, 1, GUEST_HOLE - 24, 0, 0));
    context()->rip = NOT_CANONICAL;
    CHECK(fake_refused(caller, ERROR_invalid_argument, HC_processor_start, 1, CONTEXT, 0, 0));
    context()->rip = MONITOR_SLOTS_ADDRESS;
    CHECK(fake_refused(caller, ERROR_invalid_argument, HC_processor_start, 1, CONTEXT, 0, 0));
    context()->rsp = MONITOR_SLOTS_ADDRESS;
    CHECK(fake_refused(caller, ERROR_invalid_argument, HC_processor_start, 1, CONTEXT, 0, 0));
    context()->kernel_root_frame = fake_frame(1, OFFSET_L3);
    CHECK(fake_refused(caller, ERROR_type_conflict, HC_processor_start, 1, CONTEXT, 0, 0));
    context()->kernel_root_frame = fake_frame(2, OFFSET_L4);
    CHECK(fake_refused(caller, ERROR_not_owner, HC_processor_start, 1, CONTEXT, 0, 0));
    context()->kernel_root_frame = 0;
    CHECK(fake_refused(caller, ERROR_not_owner, HC_processor_start, 1, CONTEXT, 0, 0));
    (void)context();
    CHECK_EQUAL(fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0), 0);
}

/* The other processor still runs it: held until that one has entered and entered again. */
static void stopped_sibling_is_held_until_it_is_left(void)
{
    struct virtual_processor *caller = fake_smp(2);
    struct virtual_processor *target = record_get(1);

    (void)context();
    (void)fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0);
    (void)fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0);
    CHECK_EQUAL(root_count(), 3);
    fake_log_clear();
    target->timer_deadline_cycles = 900;
    CHECK_EQUAL(fake_call(caller, HC_processor_stop, 1, 0, 0, 0), 0);
    CHECK_EQUAL(target->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(target->timer_deadline_cycles, 0);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 1);
    CHECK_EQUAL(root_count(), 3);
    CHECK(fake_refused(caller, ERROR_busy, HC_processor_start, 1, CONTEXT, 0, 0));
    CHECK(fake_refused(caller, ERROR_wrong_state, HC_processor_stop, 1, 0, 0, 0));
    /* Left, but what is saved into it and its root are in use until the next entry. */
    CHECK_EQUAL(fake_enter(target, ENTRY_KICK, 0)->id, IDLE_ID_FIRST + 1);
    CHECK_EQUAL(fake_deadlines[1], fake_times[1]); /* that entry comes at once */
    CHECK_EQUAL(root_count(), 3);
    CHECK(fake_refused(caller, ERROR_busy, HC_processor_start, 1, CONTEXT, 0, 0));
    CHECK_EQUAL(fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_TIMER, 0)->id, IDLE_ID_FIRST + 1);
    CHECK_EQUAL(fake_deadlines[1], TIME_NEVER);
    CHECK_EQUAL(root_count(), 2);
    CHECK_EQUAL(target->kernel_root_frame, 0);
    CHECK_EQUAL(fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0), 0);
    CHECK_EQUAL(root_count(), 3);
}

/* A blocked or preempted sibling is nobody's: free at once. */
static void stopped_sibling_that_does_not_run_is_free(void)
{
    struct virtual_processor *caller = fake_smp(2);
    struct virtual_processor *target = record_get(1);

    (void)context();
    (void)fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0);
    fake_log_clear();
    CHECK_EQUAL(fake_call(caller, HC_processor_stop, 1, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_total(), 0);
    CHECK_EQUAL(root_count(), 2);
    CHECK_EQUAL(target->kernel_root_frame, 0);
    CHECK_EQUAL(fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0), 0);
}

static void stop_of_itself(void)
{
    struct virtual_processor *caller = fake_smp(2);

    (void)context();
    (void)fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0);
    (void)fake_user_root(caller);
    CHECK_EQUAL(root_count(), 3);
    (void)fake_call(caller, HC_processor_stop, 0, 0, 0, 0);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(caller->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(root_count(), 3);
    (void)fake_enter(fake_next, ENTRY_TIMER, 0);
    CHECK_EQUAL(root_count(), 2);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_FREE + 100))->type_count, 1);
    CHECK_EQUAL(caller->user_root_frame, 0);
    CHECK_EQUAL(fake_deadlines[0], TIME_NEVER);
}

/* Left, and its partition is stopped before the next entry: what it had is kept as it was. */
static void departed_record_of_a_stopped_partition_keeps_its_roots(void)
{
    struct virtual_processor *caller = fake_smp(2);

    (void)context();
    (void)fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0);
    (void)fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0);
    (void)fake_call(caller, HC_processor_stop, 1, 0, 0, 0);
    (void)fake_enter(record_get(1), ENTRY_KICK, 0);
    CHECK_EQUAL(monitor_state()->processors[1].departed, 2);
    (void)fake_call(caller, HC_partition_exit, 5, 0, 0, 0);
    (void)fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_TIMER, 0);
    CHECK_EQUAL(monitor_state()->processors[1].departed, 0);
    CHECK_EQUAL(record_get(1)->kernel_root_frame, fake_frame(1, OFFSET_L4));
    CHECK_EQUAL(root_count(), 3);
    CHECK_EQUAL(fake_partition(1)->stop.exit_code, 5);
}

static void last_one_ends_the_partition(void)
{
    struct virtual_processor *caller = fake_smp(2);
    const struct stop_record *stop = &fake_partition(1)->stop;

    (void)fake_call(caller, HC_processor_stop, 0, 0, 0, 0);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(stop->reason, STOP_exit);
    CHECK_EQUAL(stop->exit_code, 0);
    CHECK(strcmp(stop->text, "all virtual processors stopped") == 0);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(monitor_state()->running_partitions, 0);
    CHECK_EQUAL(root_count(), 2); /* what it was is kept for whoever asks */
    CHECK_EQUAL(fake_deadlines[0], TIME_NEVER);
}

static void stop_refuses(void)
{
    struct virtual_processor *caller = fake_smp(2);

    CHECK(fake_refused(caller, ERROR_not_found, HC_processor_stop, 2, 0, 0, 0));
    CHECK(fake_refused(caller, ERROR_not_found, HC_processor_stop, 1ull << 32, 0, 0, 0));
    CHECK(fake_refused(caller, ERROR_wrong_state, HC_processor_stop, 1, 0, 0, 0));
}

/* Two virtual processors of one partition on one processor: the slot decides who runs. */
static void sibling_on_the_same_processor(void)
{
    static const uint32_t processors[2] = {0, 0};
    struct virtual_processor *caller;

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 2, processors);
    fake_slot_add(0, 1, 100, SLOT_DONATES);
    fake_slot_add(0, 0, 100, 0);
    monitor_start();
    caller = fake_first(0);
    CHECK_EQUAL(caller->id, 0); /* in the slot of the other, which is stopped */
    fake_log_clear();
    (void)context();
    CHECK_EQUAL(fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0), 0);
    CHECK_EQUAL(fake_log_count(FAKE_KICK), 0);
    CHECK_EQUAL(fake_next->id, 1); /* its own slot */
    /* Stopped while the other runs: it is not held. */
    CHECK_EQUAL(fake_call(fake_next, HC_processor_stop, 0, 0, 0, 0), 0);
    CHECK_EQUAL(caller->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(caller->kernel_root_frame, 0);
    CHECK_EQUAL(fake_next->id, 1);
}

static void departed_record_is_let_go_by_a_call_that_leaves_again(void)
{
    static const uint32_t processors[3] = {0, 0, 0};

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 3, processors);
    fake_slot_add(0, 0, 100, SLOT_DONATES);
    fake_slot_add(0, 1, 100, SLOT_DONATES);
    fake_slot_add(0, 2, 100, SLOT_DONATES);
    monitor_start();
    fake_next = fake_first(0);
    (void)context();
    (void)fake_call(record_get(0), HC_processor_start, 1, CONTEXT, 0, 0);
    (void)fake_call(record_get(0), HC_processor_start, 2, CONTEXT, 0, 0);
    CHECK_EQUAL(root_count(), 4);
    (void)fake_call(record_get(0), HC_processor_stop, 0, 0, 0, 0);
    CHECK_EQUAL(fake_next->id, 1);
    CHECK_EQUAL(monitor_state()->processors[0].departed, 1);
    (void)fake_call(record_get(1), HC_version, 0, 0, 0, 0);
    CHECK_EQUAL(root_count(), 4); /* the shortest path does not look */
    (void)fake_call(record_get(1), HC_processor_stop, 1, 0, 0, 0);
    CHECK_EQUAL(fake_next->id, 2);
    CHECK_EQUAL(monitor_state()->processors[0].departed, 2);
    CHECK_EQUAL(root_count(), 3);
    (void)fake_enter(record_get(2), ENTRY_TIMER, 0);
    CHECK_EQUAL(root_count(), 2);
    CHECK_EQUAL(monitor_state()->processors[0].departed, 0);
}

static void largest_partition_starts_all(void)
{
    struct virtual_processor *caller = fake_smp(PARTITION_PROCESSOR_LIMIT);

    (void)context();
    for (uint32_t index = 1; index < PARTITION_PROCESSOR_LIMIT; index++) {
        CHECK_EQUAL(fake_call(caller, HC_processor_start, index, CONTEXT, 0, 0), 0);
        CHECK(fake_enter(record_get(IDLE_ID_FIRST + index), ENTRY_KICK, 0) == record_get(index));
    }
    CHECK(fake_refused(caller, ERROR_not_found, HC_processor_start, PARTITION_PROCESSOR_LIMIT,
                       CONTEXT, 0, 0));
    fake_log_clear();
    (void)fake_call(caller, HC_partition_exit, 3, 0, 0, 0);
    CHECK_EQUAL(fake_log_count(FAKE_KICK), PARTITION_PROCESSOR_LIMIT - 1);
}

static const struct test tests[] = {
    {"start_begins_a_sibling", start_begins_a_sibling},
    {"start_refuses", start_refuses},
    {"stopped_sibling_is_held_until_it_is_left", stopped_sibling_is_held_until_it_is_left},
    {"stopped_sibling_that_does_not_run_is_free", stopped_sibling_that_does_not_run_is_free},
    {"stop_of_itself", stop_of_itself},
    {"departed_record_of_a_stopped_partition_keeps_its_roots",
     departed_record_of_a_stopped_partition_keeps_its_roots},
    {"last_one_ends_the_partition", last_one_ends_the_partition},
    {"stop_refuses", stop_refuses},
    {"sibling_on_the_same_processor", sibling_on_the_same_processor},
    {"departed_record_is_let_go_by_a_call_that_leaves_again",
     departed_record_is_let_go_by_a_call_that_leaves_again},
    {"largest_partition_starts_all", largest_partition_starts_all},
    {0, 0},
};

const struct suite suite_processors = {"processors", tests};
