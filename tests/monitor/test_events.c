/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events and timers: pending, masked, disabled, delivered, waking, kicking. */
#include <string.h>

#include "check.h"
#include "fake.h"

/* Partition 1 runs with a callback registered and events unmasked. */
static struct virtual_processor *listener(void)
{
    struct virtual_processor *record = fake_simple();

    (void)fake_call(record, HC_callback_set, CALLBACK_event, GUEST_HANDLER, 0, 0);
    fake_shared(1, 0)->events_masked = 0;
    record->registers.rsp = GUEST_STACK_TOP;
    fake_log_clear();
    return record;
}

static void pending_event_is_delivered_on_the_way_out(void)
{
    struct virtual_processor *record = listener();
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 96);
    uint64_t rip = record->registers.rip;

    fake_shared(1, 0)->events_pending = 1ull << 63;
    record->registers.rcx = rip;
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK(fake_next == record);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(record->registers.rsp, GUEST_STACK_TOP - 96);
    CHECK_EQUAL(frame->vector, VECTOR_EVENT);
    CHECK_EQUAL(frame->rax, ABI_VERSION);
    CHECK_EQUAL(frame->rip, rip);
    CHECK_EQUAL(frame->state, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 1ull << 63); /* the guest clears it */
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 1);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_version], 1);
    /* Masked now: not again. */
    CHECK_EQUAL(fake_call(record, HC_event_poll, 0, 0, 0, 0), 0);
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 1);
    CHECK_EQUAL(fake_log_total(), 0);
}

/* Flags that the shortest path lets pass do not get into a frame. */
static void frame_of_an_event_is_sanitised(void)
{
    struct virtual_processor *record = listener();
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 96);

    fake_shared(1, 0)->events_pending = 2;
    record->registers.rflags = 0x4202;
    (void)fake_call(record, HC_version, 0, 0, 0, 0);
    CHECK_EQUAL(frame->rflags, 0x202);
}

/* A stopped virtual processor keeps what is sent, and stays stopped. */
static void event_does_not_start_a_stopped_record(void)
{
    struct virtual_processor *record = fake_smp(2);

    CHECK_EQUAL(fake_call(record, HC_event_send_processor, 1, 9, 0, 0), 0);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0)->id, IDLE_ID_FIRST + 1);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(fake_shared(1, 1)->events_pending, 1ull << 9);
}

static void masked_disabled_or_unregistered_is_not_delivered(void)
{
    struct virtual_processor *record = listener();

    fake_shared(1, 0)->events_pending = 4;
    fake_shared(1, 0)->events_masked = 0x80000000;
    (void)fake_call(record, HC_event_poll, 0, 0, 0, 0);
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 0);
    fake_shared(1, 0)->events_masked = 0;
    fake_shared(1, 0)->events_disabled = 4;
    (void)fake_call(record, HC_event_poll, 0, 0, 0, 0);
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 0);
    fake_shared(1, 0)->events_disabled = 0;
    (void)fake_call(record, HC_callback_set, CALLBACK_event, 0, 0, 0);
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 0);
    (void)fake_call(record, HC_callback_set, CALLBACK_event, GUEST_HANDLER, 0, 0);
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 1);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
}

static void iret_that_unmasks_delivers_at_once(void)
{
    struct virtual_processor *record = listener();
    struct trap_frame *frame = fake_guest(1, GUEST_DATA);

    fake_shared(1, 0)->events_masked = 1;
    fake_shared(1, 0)->events_pending = 2;
    frame->rip = GUEST_HANDLER + 0x40;
    frame->rsp = GUEST_STACK_TOP - 0x400;
    frame->rax = 5;
    record->registers.rsp = GUEST_DATA;
    CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0, 0), 5);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    frame = fake_guest(1, GUEST_STACK_TOP - 0x400 - 96);
    CHECK_EQUAL(frame->rip, GUEST_HANDLER + 0x40);
    CHECK_EQUAL(frame->rax, 5);
    CHECK_EQUAL(frame->vector, VECTOR_EVENT);
}

static void event_interrupts_user_mode(void)
{
    struct virtual_processor *record = listener();
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 96);

    fake_user_mode_enter(record, GUEST_HANDLER + 0x80, GUEST_DATA + 0x1000);
    CHECK_EQUAL(record->user_mode, 1);
    fake_shared(1, 0)->events_pending = 2;
    record->gs_base_other = 0x7000;
    fake_bases[0].gs = 0x8000;
    CHECK(fake_enter(record, ENTRY_KICK, 0) == record);
    CHECK_EQUAL(fake_bases[0].gs, 0x7000);
    CHECK_EQUAL(record->gs_base_other, 0x8000);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(frame->state, FRAME_STATE_USER);
    CHECK_EQUAL(frame->rip, GUEST_HANDLER + 0x80);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 1);
    CHECK_EQUAL(fake_log_get(FAKE_ROOT_LOAD, 0).values[1], record->kernel_root_frame);
}

/* Switched in and interrupted at once: its root comes with the switch, not with a load. */
static void event_of_a_record_switched_in(void)
{
    struct virtual_processor *first = listener();
    struct virtual_processor *second = record_get(1);

    second->callbacks[CALLBACK_event] = GUEST_HANDLER;
    fake_shared(2, 0)->events_masked = 0;
    CHECK_EQUAL(fake_call(first, HC_event_send, 8, 0, 0, 0), 0);
    CHECK_EQUAL(fake_shared(2, 0)->events_pending, 1ull << 9);
    CHECK_EQUAL(fake_partition(1)->counters.events_sent, 1);
    CHECK_EQUAL(fake_partition(2)->counters.events_delivered, 0);
    CHECK_EQUAL(fake_log_total(), 0); /* same processor, not blocked: nothing to do */
    fake_times[0] = 1000;
    CHECK(fake_enter(first, ENTRY_TIMER, 0) == second);
    CHECK_EQUAL(second->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(fake_partition(2)->counters.events_delivered, 1);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 0);
}

/* The same of a record that was in user mode: what is loaded is another's, and left alone. */
static void event_of_user_mode_switched_in(void)
{
    struct virtual_processor *first = listener();
    struct virtual_processor *second = record_get(1);

    fake_times[0] = 1000;
    CHECK(fake_enter(first, ENTRY_TIMER, 0) == second);
    fake_user_mode_enter(second, GUEST_HANDLER + 0x80, GUEST_DATA + 0x1000);
    fake_times[0] = 2000;
    CHECK(fake_enter(second, ENTRY_TIMER, 0) == first);
    second->gs_base = 0x8000;
    second->gs_base_other = 0x7000;
    /* Without an event: it goes on in user mode, with the bases it was saved with. */
    fake_times[0] = 3000;
    fake_bases[0].gs = 0x5555;
    CHECK(fake_enter(first, ENTRY_TIMER, 0) == second);
    CHECK_EQUAL(second->user_mode, 1);
    CHECK_EQUAL(fake_bases[0].gs, 0x8000);
    CHECK_EQUAL(first->gs_base, 0x5555);
    fake_times[0] = 4000;
    CHECK(fake_enter(second, ENTRY_TIMER, 0) == first);
    second->callbacks[CALLBACK_event] = GUEST_HANDLER;
    fake_shared(2, 0)->events_masked = 0;
    fake_shared(2, 0)->events_pending = 2;
    fake_log_clear();
    fake_times[0] = 5000;
    CHECK(fake_enter(first, ENTRY_TIMER, 0) == second);
    CHECK_EQUAL(second->user_mode, 0);
    CHECK_EQUAL(second->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(second->root_address, second->kernel_root_frame << PAGE_SHIFT);
    CHECK_EQUAL(fake_bases[0].gs, 0x7000);
    CHECK_EQUAL(second->gs_base_other, 0x8000);
    CHECK_EQUAL(first->gs_base, 0x5555);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 0);
}

/* Nothing is due: a way out that looks leaves user mode as it is. */
static void way_out_without_an_event_keeps_user_mode(void)
{
    struct virtual_processor *record = listener();

    fake_user_mode_enter(record, GUEST_HANDLER + 0x80, GUEST_DATA + 0x1000);
    fake_bases[0].gs = 0x8000;
    monitor_state()->processors[0].attention = 1;
    CHECK(fake_enter(record, ENTRY_KICK, 0) == record);
    CHECK_EQUAL(monitor_state()->processors[0].attention, 0);
    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(fake_bases[0].gs, 0x8000);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 0);
}

/* A frame that cannot be written stops that partition, and the processor goes on to the next. */
static void failed_delivery_leaves_the_processor_to_others(void)
{
    struct virtual_processor *first = listener();
    struct virtual_processor *second = record_get(1);

    first->registers.rsp = GUEST_HOLE + 16;
    fake_shared(1, 0)->events_pending = 1;
    fake_times[0] = 1500;
    CHECK_EQUAL(fake_call(first, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_trap_in_delivery);
    CHECK_EQUAL(fake_partition(1)->stop.vector, VECTOR_EVENT);
    CHECK_EQUAL(fake_partition(1)->stop.address, GUEST_HOLE + 16 - 96);
    CHECK(fake_next == second);
    CHECK_EQUAL(fake_partition(1)->counters.events_delivered, 0);
}

static void block_waits_for_an_event(void)
{
    struct virtual_processor *first = listener();

    fake_shared(1, 0)->events_masked = 1;
    CHECK_EQUAL(fake_call(first, HC_block, 0, 0, 0, 0), 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
    CHECK_EQUAL(first->state, VIRTUAL_PROCESSOR_BLOCKED);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_deadlines[0], 1000);
}

static void block_returns_at_once_when_something_is_pending(void)
{
    struct virtual_processor *first = listener();

    fake_shared(1, 0)->events_masked = 1;
    fake_shared(1, 0)->events_pending = 0x100;
    CHECK_EQUAL(fake_call(first, HC_block, 0, 0, 0, 0), 0);
    CHECK_EQUAL(first->state, VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK(fake_next == first);
    CHECK_EQUAL(first->registers.rip, GUEST_HANDLER);
    /* What is disabled does not count. */
    fake_shared(1, 0)->events_disabled = 0x100;
    CHECK_EQUAL(fake_call(first, HC_block, 0, 0, 0, 0), 0);
    CHECK_EQUAL(first->state, VIRTUAL_PROCESSOR_BLOCKED);
}

static void event_wakes_whatever_the_flag_says(void)
{
    struct virtual_processor *first = listener();
    struct virtual_processor *second = record_get(1);

    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    fake_times[0] = 1000;
    CHECK(fake_enter(fake_next, ENTRY_TIMER, 0) == second);
    fake_shared(1, 0)->events_disabled = 1ull << 10;
    fake_log_clear();
    CHECK_EQUAL(fake_call(second, HC_event_send, 8, 0, 0, 0), 0);
    CHECK_EQUAL(first->state, VIRTUAL_PROCESSOR_BLOCKED);
    fake_shared(1, 0)->events_disabled = 0;
    fake_shared(1, 0)->events_masked = 1;
    CHECK_EQUAL(fake_call(second, HC_event_send, 8, 0, 0, 0), 0);
    CHECK_EQUAL(first->state, VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK(fake_next == second); /* its slot is its own */
    CHECK_EQUAL(fake_log_total(), 0);
}

static void send_refuses(void)
{
    struct virtual_processor *record = listener();
    struct view_link *link = &fake_view()->links[0];

    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 9, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 8 + (1ull << 32), 0, 0, 0));
    link->target_port = EVENT_PORT_LIMIT;
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 8, 0, 0, 0));
    link->target_port = EVENT_PORT_LIMIT - 1;
    link->target_processor = 1;
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 8, 0, 0, 0));
    link->target_processor = 0;
    link->target_partition = PARTITION_LIMIT;
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 8, 0, 0, 0));
    link->target_partition = 3;
    CHECK(fake_refused(record, ERROR_wrong_state, HC_event_send, 8, 0, 0, 0));
    link->target_partition = 2;
    CHECK_EQUAL(fake_call(record, HC_event_send, 8, 0, 0, 0), 0);
    CHECK_EQUAL(fake_shared(2, 0)->events_pending, 1ull << 63);
    fake_stop(record, 2);
    CHECK(fake_refused(record, ERROR_wrong_state, HC_event_send, 8, 0, 0, 0));
}

static void send_to_other_processors_kicks(void)
{
    struct virtual_processor *record = fake_smp(2);

    CHECK_EQUAL(fake_call(record, HC_event_send_processor, 1, 63, 0, 0), 0);
    CHECK_EQUAL(fake_shared(1, 1)->events_pending, 1ull << 63);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 1);
    CHECK_EQUAL(fake_call(record, HC_event_send_processor, 0, 5, 0, 0), 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 1ull << 5);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send_processor, 2, 5, 0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send_processor, 0, 64, 0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send_processor, 1ull << 32, 5, 0, 0));
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send_processor, 0, 1ull << 32, 0, 0));
}

/* Input from outside: the port is marked, the processor kicked, the monitor wakes who waits. */
static void kick_wakes_who_was_marked_from_outside(void)
{
    struct virtual_processor *first = listener();

    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    CHECK(fake_enter(fake_next, ENTRY_KICK, 0) != first);
    fake_shared(1, 0)->events_pending = 1ull << PORT_CONSOLE;
    fake_times[0] = 300;
    CHECK(fake_enter(fake_next, ENTRY_KICK, 0) == first);
    CHECK_EQUAL(first->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(fake_deadlines[0], 1000);
}

static void timer_fires_once(void)
{
    struct virtual_processor *record = listener();

    fake_times[0] = 100;
    CHECK_EQUAL(fake_call(record, HC_time_get, 0, 0, 0, 0), 100);
    CHECK_EQUAL(fake_call(record, HC_timer_set, 400, 0, 0, 0), 0);
    CHECK_EQUAL(fake_deadlines[0], 400);
    fake_times[0] = 399;
    (void)fake_enter(record, ENTRY_TIMER, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 0);
    CHECK_EQUAL(fake_deadlines[0], 400);
    fake_times[0] = 400;
    CHECK(fake_enter(record, ENTRY_TIMER, 0) == record);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 1ull << PORT_TIMER);
    CHECK_EQUAL(record->timer_deadline_cycles, 0);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(fake_deadlines[0], 1000);
}

static void timer_is_disarmed_or_fires_at_once(void)
{
    struct virtual_processor *record = listener();

    fake_times[0] = 100;
    (void)fake_call(record, HC_timer_set, 400, 0, 0, 0);
    CHECK_EQUAL(fake_call(record, HC_timer_set, 0, 0, 0, 0), 0);
    CHECK_EQUAL(record->timer_deadline_cycles, 0);
    CHECK_EQUAL(fake_deadlines[0], 1000);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 0);
    CHECK_EQUAL(fake_call(record, HC_timer_set, 101, 0, 0, 0), 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 0);
    CHECK_EQUAL(fake_call(record, HC_timer_set, 100, 0, 0, 0), 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_pending, 1ull << PORT_TIMER);
    CHECK_EQUAL(record->timer_deadline_cycles, 0);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    (void)fake_call(record, HC_timer_set, 5000, 0, 0, 0); /* beyond the slot */
    CHECK_EQUAL(fake_deadlines[0], 1000);
}

/* What lies beyond the end of the slot is set back: it is never shown. */
static void clock_of_a_guest_stops_at_its_slot_end(void)
{
    struct virtual_processor *record = listener();

    fake_times[0] = 1007;
    CHECK_EQUAL(fake_call(record, HC_time_get, 0, 0, 0, 0), 1000);
    CHECK_EQUAL(fake_call(record, HC_timer_set, 1003, 0, 0, 0), 0);
    CHECK_EQUAL(record->timer_deadline_cycles, 1003);
}

static void timer_wakes_a_blocked_record(void)
{
    struct virtual_processor *first = listener();

    (void)fake_call(first, HC_timer_set, 250, 0, 0, 0);
    (void)fake_call(first, HC_block, 0, 0, 0, 0);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_deadlines[0], 250);
    fake_times[0] = 250;
    CHECK(fake_enter(fake_next, ENTRY_TIMER, 0) == first);
    CHECK_EQUAL(first->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(fake_deadlines[0], 1000);
}

static void timer_of_a_stopped_partition_wakes_nobody(void)
{
    struct virtual_processor *first = listener();

    (void)fake_call(first, HC_timer_set, 250, 0, 0, 0);
    fake_stop(first, 1);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_deadlines[0], 1000);
    CHECK_EQUAL(first->timer_deadline_cycles, 0);
}

static const struct test tests[] = {
    {"pending_event_is_delivered_on_the_way_out", pending_event_is_delivered_on_the_way_out},
    {"frame_of_an_event_is_sanitised", frame_of_an_event_is_sanitised},
    {"event_does_not_start_a_stopped_record", event_does_not_start_a_stopped_record},
    {"masked_disabled_or_unregistered_is_not_delivered",
     masked_disabled_or_unregistered_is_not_delivered},
    {"iret_that_unmasks_delivers_at_once", iret_that_unmasks_delivers_at_once},
    {"event_interrupts_user_mode", event_interrupts_user_mode},
    {"event_of_a_record_switched_in", event_of_a_record_switched_in},
    {"event_of_user_mode_switched_in", event_of_user_mode_switched_in},
    {"way_out_without_an_event_keeps_user_mode", way_out_without_an_event_keeps_user_mode},
    {"failed_delivery_leaves_the_processor_to_others",
     failed_delivery_leaves_the_processor_to_others},
    {"block_waits_for_an_event", block_waits_for_an_event},
    {"block_returns_at_once_when_something_is_pending",
     block_returns_at_once_when_something_is_pending},
    {"event_wakes_whatever_the_flag_says", event_wakes_whatever_the_flag_says},
    {"send_refuses", send_refuses},
    {"send_to_other_processors_kicks", send_to_other_processors_kicks},
    {"kick_wakes_who_was_marked_from_outside", kick_wakes_who_was_marked_from_outside},
    {"timer_fires_once", timer_fires_once},
    {"timer_is_disarmed_or_fires_at_once", timer_is_disarmed_or_fires_at_once},
    {"clock_of_a_guest_stops_at_its_slot_end", clock_of_a_guest_stops_at_its_slot_end},
    {"timer_wakes_a_blocked_record", timer_wakes_a_blocked_record},
    {"timer_of_a_stopped_partition_wakes_nobody", timer_of_a_stopped_partition_wakes_nobody},
    {0, 0},
};

const struct suite suite_events = {"events", tests};
