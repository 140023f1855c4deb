/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Out of the guest's kernel by iret, and what a guest may register to be entered at. */
#include <string.h>

#include "check.h"
#include "fake.h"

#define CALL_RIP (GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES + 0x400)

static void check_stop(uint64_t address)
{
    const struct stop_record *stop = &fake_partition(1)->stop;

    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(stop->reason, STOP_bad_return);
    CHECK_EQUAL(stop->vector, 0);
    CHECK_EQUAL(stop->error_code, 0);
    CHECK_EQUAL(stop->rip, CALL_RIP);
    CHECK_EQUAL(stop->address, address);
    CHECK_EQUAL(monitor_state()->running_partitions, 1);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
}

static struct virtual_processor *caller_record(void)
{
    struct virtual_processor *record = fake_simple();

    record->registers.rip = CALL_RIP;
    return record;
}

static struct trap_frame *return_frame(struct virtual_processor *record)
{
    struct trap_frame *frame = fake_guest(1, GUEST_DATA + 0x100);

    memset(frame, 0, sizeof(*frame));
    frame->rax = 0xaaaa;
    frame->rcx = 0xbbbb;
    frame->r11 = 0xcccc;
    frame->rip = GUEST_HANDLER;
    frame->rsp = GUEST_DATA + 0x900;
    frame->rflags = 0x202;
    record->registers.rsp = GUEST_DATA + 0x100;
    return frame;
}

static void iret_restores_the_frame(void)
{
    struct virtual_processor *record = fake_simple();
    struct trap_frame *frame = return_frame(record);

    frame->cs = 0x08;
    frame->ss = 0x10;
    frame->rflags = ~0ull;
    frame->vector = 99;
    CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0, 0), 0xaaaa);
    CHECK(fake_next == record);
    CHECK_EQUAL(record->registers.rcx, 0xbbbb);
    CHECK_EQUAL(record->registers.r11, 0xcccc);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(record->registers.rsp, GUEST_DATA + 0x900);
    CHECK_EQUAL(record->registers.rflags, 0x240fd7); /* IF and bit 1 set; IOPL NT RF VM gone */
    CHECK_EQUAL(record->registers.cs, SELECTOR_GUEST_CODE_64);
    CHECK_EQUAL(record->registers.ss, SELECTOR_GUEST_DATA);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
    CHECK_EQUAL(fake_log_total(), 0);
    frame = return_frame(record);
    frame->state = FRAME_STATE_EVENTS_MASKED;
    frame->rflags = 0;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
    CHECK_EQUAL(record->registers.rflags, 0x202);
}

static void iret_goes_to_user_mode(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t root = fake_user_root(record);

    return_frame(record)->state = FRAME_STATE_USER;
    (void)fake_call(record, HC_base_set, BASE_gs_user, 0x8000, 0, 0);
    fake_log_clear();
    CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0, 0), 0xaaaa);
    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(fake_bases[0].gs, 0x8000);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 1);
    CHECK_EQUAL(fake_log_get(FAKE_ROOT_LOAD, 0).values[1], root);
}

static void bad_return_stops_the_partition(void)
{
    static const uint64_t bad_rips[] = {NOT_CANONICAL, MONITOR_SLOTS_ADDRESS, 0xffff87ffffffffff,
                                        0xffff7fffffffffff};
    struct virtual_processor *record;

    for (uint32_t index = 0; index < 4; index++) {
        record = caller_record();
        return_frame(record)->rip = bad_rips[index];
        (void)fake_call(record, HC_iret, 0, 0, 0, 0);
        check_stop(bad_rips[index]);
    }
    record = caller_record();
    return_frame(record)->rsp = NOT_CANONICAL;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    check_stop(GUEST_HANDLER);
    record = caller_record();
    return_frame(record)->state = FRAME_STATE_USER; /* without a user root */
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    check_stop(GUEST_HANDLER);
    record = caller_record();
    record->registers.rsp = GUEST_HOLE - 88;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    check_stop(GUEST_HOLE - 88);
}

static void handlers_are_checked(void)
{
    struct virtual_processor *record = fake_simple();
    struct trap_handler *handlers = fake_guest(1, GUEST_DATA);

    for (uint32_t vector = 0; vector < TRAP_VECTOR_LIMIT; vector++) {
        handlers[vector] = (struct trap_handler){vector, vector % 4, GUEST_HANDLER + vector};
    }
    CHECK(fake_refused(record, ERROR_limit, HC_trap_handlers_set, GUEST_DATA, 33, 0, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_trap_handlers_set, GUEST_DATA, ~0ull, 0, 0));
    handlers[31].vector = 32;
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_trap_handlers_set, GUEST_DATA, 32, 0, 0));
    handlers[31].vector = 31;
    handlers[31].flags = 4;
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_trap_handlers_set, GUEST_DATA, 32, 0, 0));
    handlers[31].flags = 0;
    handlers[31].address = NOT_CANONICAL;
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_trap_handlers_set, GUEST_DATA, 32, 0, 0));
    handlers[31].address = MONITOR_SLOTS_ADDRESS;
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_trap_handlers_set, GUEST_DATA, 32, 0, 0));
    handlers[31].address = 0xffff880000000000;
    CHECK_EQUAL(fake_call(record, HC_trap_handlers_set, GUEST_DATA, 32, 0, 0), 0);
    CHECK(memcmp(fake_partition(1)->trap_handlers, handlers, 32 * sizeof(*handlers)) == 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA) & (ENTRY_ACCESSED | ENTRY_DIRTY), ENTRY_ACCESSED);
    handlers[0] = (struct trap_handler){5, 0, 0};
    CHECK_EQUAL(fake_call(record, HC_trap_handlers_set, GUEST_DATA, 1, 0, 0), 0);
    CHECK_EQUAL(fake_partition(1)->trap_handlers[5].address, 0);
    CHECK_EQUAL(fake_partition(1)->trap_handlers[4].address, GUEST_HANDLER + 4);
}

static void callbacks_and_stack_are_checked(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_callback_set, CALLBACK_event, GUEST_HANDLER, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_callback_set, CALLBACK_system_call, GUEST_HANDLER + 1, 0, 0),
                0);
    CHECK_EQUAL(record->callbacks[CALLBACK_event], GUEST_HANDLER);
    CHECK_EQUAL(record->callbacks[CALLBACK_system_call], GUEST_HANDLER + 1);
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_callback_set, CALLBACK_COUNT, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_callback_set, 0, NOT_CANONICAL, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_callback_set, 0, MONITOR_SLOTS_ADDRESS, 0,
                       0));
    CHECK_EQUAL(fake_call(record, HC_callback_set, CALLBACK_event, 0, 0, 0), 0);
    CHECK_EQUAL(record->callbacks[CALLBACK_event], 0);
    CHECK_EQUAL(fake_call(record, HC_kernel_stack_set, 0x7ffffffffff0, 0, 0, 0), 0);
    CHECK_EQUAL(record->kernel_stack_top, 0x7ffffffffff0);
    CHECK(
        fake_refused(record, ERROR_invalid_argument, HC_kernel_stack_set, NOT_CANONICAL, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_kernel_stack_set, 0xffff87fffffffff0, 0,
                       0, 0));
}

static const struct test tests[] = {
    {"iret_restores_the_frame", iret_restores_the_frame},
    {"iret_goes_to_user_mode", iret_goes_to_user_mode},
    {"bad_return_stops_the_partition", bad_return_stops_the_partition},
    {"handlers_are_checked", handlers_are_checked},
    {"callbacks_and_stack_are_checked", callbacks_and_stack_are_checked},
    {0, 0},
};

const struct suite suite_returns = {"returns", tests};
