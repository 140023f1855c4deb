/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 32-bit guests: how they start, how their calls come and go, what their pointers reach. */
#include <string.h>

#include "check.h"
#include "fake_32.h"
#include "guest_memory.h"
#include "hypercall.h"

#define CALL_RIP (GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES + 0x400)
#define HIGH_HALF 0xdeadbeef00000000ull

static void first_processor_begins(void)
{
    const struct virtual_processor *record = fake_simple_32();
    struct registers expected;

    memset(&expected, 0, sizeof(expected));
    expected.rip = GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES;
    expected.rsp = GUEST_STACK_TOP;
    expected.rbx = GUEST_DATA;
    expected.rflags = 0x202;
    expected.cs = SELECTOR_KERNEL_CODE_32;
    expected.ss = SELECTOR_KERNEL_DATA_32;
    CHECK(memcmp(&record->registers, &expected, sizeof(expected)) == 0);
    CHECK_EQUAL(record->id, 0);
    CHECK_EQUAL(record->width, 32);
    CHECK_EQUAL(fake_partition(1)->width, 32);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(record->selectors, FLAT_DATA_SELECTORS);
    CHECK_EQUAL(fake_selectors[0], FLAT_DATA_SELECTORS);
    CHECK_EQUAL(record->kernel_root_frame, fake_frame(1, OFFSET_L3));
    CHECK_EQUAL(record->user_root_frame, 0);
    CHECK_EQUAL(record->root_address, MONITOR_ROOTS_ADDRESS);
    CHECK_EQUAL(record->kernel_stack_top, GUEST_STACK_TOP);
    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        CHECK_EQUAL(record->descriptors[index], 0);
    }
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
    CHECK_EQUAL(monitor_state()->running_partitions, 2);
}

/* A 64-bit guest beside it has neither its selectors nor its registers. */
static void neighbour_of_64_bits_is_as_ever(void)
{
    struct virtual_processor *record = fake_simple_32();

    fake_times[0] = 1000;
    CHECK_EQUAL(fake_enter(record, ENTRY_TIMER, 0)->id, 1);
    CHECK_EQUAL(fake_next->width, 64);
    CHECK_EQUAL(fake_next->registers.rdi, GUEST_DATA);
    CHECK_EQUAL(fake_next->registers.rbx, 0);
    CHECK_EQUAL(fake_next->registers.cs, SELECTOR_GUEST_CODE_64);
    CHECK_EQUAL(fake_next->root_address, fake_frame(2, OFFSET_L4) << PAGE_SHIFT);
    CHECK_EQUAL(fake_selectors[0], 0);
    CHECK_EQUAL(record->selectors, FLAT_DATA_SELECTORS);
}

static void hypercall_page_is_of_the_width(void)
{
    const uint8_t *narrow;
    const uint8_t *wide;

    (void)fake_simple_32();
    narrow = (const uint8_t *)fake_words(1, OFFSET_HYPERCALL);
    wide = (const uint8_t *)fake_words(2, OFFSET_HYPERCALL);
    for (uint32_t offset = 0; offset < PAGE_SIZE_BYTES; offset++) {
        uint32_t number = offset / HYPERCALL_STUB_SIZE_BYTES;
        const uint8_t stub[8] = {0xb8, (uint8_t)number, 0, 0, 0, 0xcd, 0x82, 0xc3};
        uint32_t place = offset % HYPERCALL_STUB_SIZE_BYTES;
        bool code = number < HYPERCALL_COUNT && place < sizeof(stub);

        CHECK_EQUAL(narrow[offset], code ? stub[place] : 0xcc);
        if (code && (place == 5 || place == 6)) {
            CHECK_EQUAL(wide[offset], place == 5 ? 0x0f : 0x05);
        } else {
            CHECK_EQUAL(wide[offset], narrow[offset]);
        }
    }
}

static void check_bad_start(uint64_t address)
{
    const struct stop_record *stop = &fake_partition(1)->stop;

    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(stop->reason, STOP_bad_start);
    CHECK_EQUAL(stop->error_code, ERROR_invalid_argument);
    CHECK_EQUAL(stop->address, address);
    CHECK_EQUAL(record_get(0)->state, VIRTUAL_PROCESSOR_STOPPED);
}

static struct view_partition *described_of(uint32_t width)
{
    static const uint32_t processors[1] = {0};

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_width_set(1, width);
    fake_slot_add(0, 0, 1ull << 40, 0);
    return &fake_view()->partitions[1];
}

static void start_refuses_addresses_and_widths(void)
{
    static const uint32_t widths[] = {0, 16, 31, 33, 63, 65, 96, 128, 0x10020, 0xffffffff};

    described_of(32)->entry_address = ADDRESS_END_32;
    check_bad_start(ADDRESS_END_32);
    described_of(32)->stack_top_address = ADDRESS_END_32;
    check_bad_start(ADDRESS_END_32);
    described_of(32)->stack_top_address = ~0ull;
    check_bad_start(~0ull);
    for (uint32_t index = 0; index < sizeof(widths) / sizeof(widths[0]); index++) {
        (void)described_of(widths[index]);
        check_bad_start(widths[index]);
    }
    described_of(32)->entry_address = ADDRESS_END_32 - 1;
    fake_view()->partitions[1].stack_top_address = ADDRESS_END_32 - 1;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(monitor_first(0)->registers.rip, ADDRESS_END_32 - 1);
}

/* A level-4 table is nothing that a 32-bit partition could start on, or have at all. */
static void start_refuses_a_level_4_table(void)
{
    struct view_partition *view = described_of(32);

    view->table_counts[3] = 1;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_bad_start);
    CHECK_EQUAL(fake_partition(1)->stop.vector, 4);
    CHECK_EQUAL(fake_partition(1)->stop.address, fake_frame(1, OFFSET_L4));
    view = described_of(32);
    view->kernel_root_frame = fake_frame(1, OFFSET_L2);
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_bad_start);
    CHECK_EQUAL(fake_partition(1)->stop.vector, 3);
    CHECK_EQUAL(fake_partition(1)->stop.error_code, ERROR_type_conflict);
}

static void arguments_come_in_five_registers(void)
{
    struct virtual_processor *record = fake_simple_32();
    struct registers *registers = &record->registers;

    registers->rbx = HIGH_HALF | 1;
    registers->rcx = HIGH_HALF | 2;
    registers->rdx = HIGH_HALF | 3;
    registers->rsi = HIGH_HALF | 4;
    registers->rdi = HIGH_HALF | 0x80000005;
    for (uint32_t index = 0; index < 4; index++) {
        CHECK_EQUAL(argument(record, index), index + 1);
    }
    CHECK_EQUAL(argument(record, 4), 0x80000005);
    for (uint32_t index = 0; index < 3; index++) {
        CHECK_EQUAL(argument_wide(record, index), (index + 2ull) << 32 | (index + 1));
    }
    CHECK_EQUAL(argument_wide(record, 3), 0x8000000500000004ull);
    record = fake_simple();
    registers = &record->registers;
    registers->rdi = HIGH_HALF | 1;
    registers->rsi = HIGH_HALF | 2;
    registers->rdx = HIGH_HALF | 3;
    registers->r10 = HIGH_HALF | 4;
    registers->r8 = HIGH_HALF | 5;
    for (uint32_t index = 0; index < 5; index++) {
        CHECK_EQUAL(argument(record, index), HIGH_HALF | (index + 1));
        CHECK_EQUAL(argument_wide(record, index), HIGH_HALF | (index + 1));
    }
}

static void calls_take_their_arguments(void)
{
    struct virtual_processor *record = fake_simple_32();

    CHECK_EQUAL(fake_call(record, HC_mark, 0xfffffff1, 0xfffffff2, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_MARK, 0).values[1], 0xfffffff1);
    CHECK_EQUAL(fake_log_get(FAKE_MARK, 0).values[2], 0xfffffff2);
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_partition, 0, GUEST_DATA + 8,
                          sizeof(struct view_partition)),
                sizeof(struct view_partition));
    CHECK(memcmp(fake_guest(1, GUEST_DATA + 8), &fake_view()->partitions[1],
                 sizeof(struct view_partition)) == 0);
    /* Low half first; the register behind it is not looked at. */
    CHECK_EQUAL(fake_call(record, HC_timer_set, 0x89abcdef, 0x1234567, ~0u, ~0u), 0);
    CHECK_EQUAL(record->timer_deadline_cycles, 0x123456789abcdefull);
    CHECK_EQUAL(fake_call(record, HC_timer_set, 0, 0, ~0u, ~0u), 0);
    CHECK_EQUAL(record->timer_deadline_cycles, 0);
    CHECK_EQUAL(fake_call(record, HC_mapping_update, GUEST_HOLE,
                          (uint32_t)ENTRY_OF(fake_frame(1, OFFSET_HOLE), ENTRY_DATA),
                          ENTRY_NO_EXECUTE >> 32, ~0u),
                0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_HOLE), ENTRY_OF(fake_frame(1, OFFSET_HOLE), ENTRY_DATA));
    CHECK_EQUAL(fake_call(record, HC_console_write, GUEST_DATA, 5, ~0u, ~0u), 5);
    CHECK_EQUAL(fake_console_output_size, 5);
}

static void results_come_in_two_registers(void)
{
    struct virtual_processor *record;

    (void)described_of(32);
    monitor_start();
    record = fake_first(0);
    fake_times[0] = 0x123456789a;
    CHECK_EQUAL(fake_call(record, HC_time_get, 0, 0, 0, 0), 0x123456789a);
    CHECK_EQUAL(record->registers.rax, 0x3456789a);
    CHECK_EQUAL(record->registers.rdx, 0x12);
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(record->registers.rdx, 0);
    CHECK_EQUAL(fake_call(record, HYPERCALL_COUNT, 0, 0, 0, 0), -ERROR_no_such_call);
    CHECK_EQUAL(record->registers.rax, 0xffffffff);
    CHECK_EQUAL(record->registers.rdx, 0xffffffff);
    CHECK_EQUAL(fake_call(record, HC_table_pin, 0xffffffff, 1, 0, 0), -ERROR_not_owner);
    CHECK_EQUAL(record->registers.rax, 0x100000000 - ERROR_not_owner);
}

/* Nothing but the result's registers, whatever they hold above bit 31. */
static void call_keeps_the_other_registers(void)
{
    struct virtual_processor *record = fake_simple_32();
    struct registers expected;

    memset(&record->registers, 0x77, sizeof(record->registers));
    record->registers.rip = CALL_RIP;
    record->registers.rsp = GUEST_STACK_TOP;
    record->registers.rflags = 0x246;
    record->registers.cs = SELECTOR_KERNEL_CODE_32;
    record->registers.ss = SELECTOR_KERNEL_DATA_32;
    record->registers.vector = INTERRUPT_82;
    record->registers.rax = HC_version;
    expected = record->registers;
    expected.rax = ABI_VERSION;
    expected.rdx = 0;
    CHECK(fake_enter(record, INTERRUPT_82, 0) == record);
    expected.error_code = 0;
    CHECK(memcmp(&record->registers, &expected, sizeof(expected)) == 0);
    CHECK_EQUAL(fake_log_total(), 0);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_version], 1);
}

static void vmcall_at(struct virtual_processor *record, uint8_t *code, uint64_t rip)
{
    static const uint8_t vmcall[3] = {0x0f, 0x01, 0xc1};

    memcpy(code, vmcall, sizeof(vmcall));
    record->registers.rip = rip;
    record->registers.rax = HIGH_HALF | HC_version;
    record->registers.rdx = 7;
    (void)fake_enter(record, 6, 0);
}

static void vmcall_is_a_call_of_kernel_mode_only(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint8_t *code = fake_guest(1, CALL_RIP);
    const struct trap_frame_32 *frame = fake_guest(1, GUEST_STACK_TOP - 48);

    vmcall_at(record, code, CALL_RIP);
    CHECK_EQUAL(fake_result(record), ABI_VERSION);
    CHECK_EQUAL(record->registers.rip, CALL_RIP + 3);
    fake_handler_set(1, 6, 0, GUEST_HANDLER);
    fake_user_mode_enter_32(record, CALL_RIP, GUEST_DATA + 0x1000);
    vmcall_at(record, code, CALL_RIP);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(frame->vector, 6);
    CHECK_EQUAL(frame->eip, CALL_RIP);
    CHECK_EQUAL(frame->state & FRAME_STATE_USER, FRAME_STATE_USER);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_version], 1);
}

/* Behind the last byte of the 4 GiB comes the first. */
static void vmcall_at_the_very_end_goes_on_at_0(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint8_t *page = (uint8_t *)fake_words(1, OFFSET_LAST_PAGE);

    fake_ends_map_32(record);
    vmcall_at(record, page + 0xffd, 0xfffffffd);
    CHECK_EQUAL(fake_result(record), ABI_VERSION);
    CHECK_EQUAL(record->registers.rip, 0);
    /* It would wrap: it is no vmcall, and nothing else either. */
    vmcall_at(record, page + 0xffd, 0xfffffffe);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_unhandled_trap);
    CHECK_EQUAL(fake_partition(1)->stop.vector, 6);
    CHECK_EQUAL(fake_partition(1)->stop.rip, 0xfffffffe);
}

/* What forbids an instruction at the end points at it, not at what it wraps to. */
static void forbidden_interrupt_at_the_very_end(void)
{
    struct virtual_processor *record = fake_simple_32();

    record->registers.rip = ADDRESS_END_32; /* behind `int n`, before the record is sanitised */
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 0x20, 0);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_unhandled_trap);
    CHECK_EQUAL(fake_partition(1)->stop.vector, 13);
    CHECK_EQUAL(fake_partition(1)->stop.error_code, 0x102);
    CHECK_EQUAL(fake_partition(1)->stop.rip, 0xfffffffe);
}

static void ranges_end_at_4_gib(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t last_bytes = ADDRESS_END_32 - 16;

    fake_ends_map_32(record);
    memset((uint8_t *)fake_words(1, OFFSET_LAST_PAGE) + 0xff0, 'a', 16);
    CHECK_EQUAL(fake_call(record, HC_console_write, last_bytes, 16, 0, 0), 16);
    CHECK_EQUAL(fake_console_output[15], 'a');
    CHECK_EQUAL(fake_call(record, HC_console_write, 0, 16, 0, 0), 16);
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, last_bytes, 17, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, 0xffffffff, 4096, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_console_read, last_bytes, 17, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_table_update, last_bytes, 2, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_trap_handlers_set, last_bytes, 2, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_partition_exit, 0, last_bytes, 17, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_view_get, VIEW_RECORD_extent, 0, last_bytes, 32));
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_extent, 0, last_bytes - 16, 32), 32);
    CHECK(guest_memory_check(record, last_bytes, 16, GUEST_WRITE));
    CHECK(!guest_memory_check(record, ADDRESS_END_32, 1, GUEST_READ));
    CHECK(!guest_memory_check(record, ~0ull, 1, GUEST_READ));
    for (uint32_t bit = 32; bit < 64; bit++) {
        CHECK_EQUAL(guest_memory_address(record, GUEST_DATA | 1ull << bit, GUEST_READ), 0);
    }
    CHECK(guest_memory_address(record, GUEST_DATA, GUEST_READ) != 0);
}

/* The same guest ends with the same code in either width. */
static void exit_code_keeps_its_sign(void)
{
    static const uint64_t codes[] = {0, 7, 0x7fffffff, 0xffffffff80000000, ~0ull};

    for (uint32_t index = 0; index < sizeof(codes) / sizeof(codes[0]); index++) {
        for (uint32_t width = 32; width <= 64; width += 32) {
            struct virtual_processor *record = fake_simple_of(width);

            memcpy(fake_guest(1, GUEST_DATA), "over", 4);
            (void)fake_call(record, HC_partition_exit, codes[index], GUEST_DATA, 4, 0);
            CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_exit);
            CHECK_EQUAL(fake_partition(1)->stop.exit_code, codes[index]);
            CHECK(strcmp(fake_partition(1)->stop.text, "over") == 0);
        }
    }
}

static void code_addresses_end_at_4_gib(void)
{
    struct virtual_processor *record = fake_simple_32();
    struct trap_handler *handler = fake_guest(1, GUEST_DATA);

    *handler = (struct trap_handler){13, 0, ADDRESS_END_32};
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_trap_handlers_set, GUEST_DATA, 1, 0, 0));
    handler->address = ~0ull;
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_trap_handlers_set, GUEST_DATA, 1, 0, 0));
    handler->address = ADDRESS_END_32 - 1;
    CHECK_EQUAL(fake_call(record, HC_trap_handlers_set, GUEST_DATA, 1, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_callback_set, CALLBACK_event, 0xffffffff, 0, 0), 0);
    CHECK_EQUAL(record->callbacks[CALLBACK_event], 0xffffffff);
    CHECK_EQUAL(fake_call(record, HC_kernel_stack_set, 0xffffffff, 0, 0, 0), 0);
    CHECK_EQUAL(record->kernel_stack_top, 0xffffffff);
}

/* Each width has its own way to thread-local storage. */
static void calls_of_the_other_width_do_not_exist(void)
{
    struct virtual_processor *record = fake_simple_32();

    for (uint32_t base = 0; base <= BASE_COUNT; base++) {
        CHECK(fake_refused(record, ERROR_no_such_call, HC_base_set, base, 0x1000, 0, 0));
        CHECK(fake_refused(record, ERROR_no_such_call, HC_base_get, base, 0, 0, 0));
    }
    record = fake_simple();
    for (uint32_t index = 0; index <= DESCRIPTOR_LIMIT; index++) {
        CHECK(fake_refused(record, ERROR_no_such_call, HC_descriptor_set, index, 0, 0, 0));
        CHECK(fake_refused(record, ERROR_no_such_call, HC_descriptor_set, index,
                           0x00cff3000000ffffull, 0, 0));
    }
}

static void all_translations_have_a_32_bit_name(void)
{
    struct virtual_processor *record = fake_simple_32();

    CHECK_EQUAL(fake_call(record, HC_translation_flush, 0xffffffff, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 0).values[1], TRANSLATION_ALL);
    CHECK_EQUAL(fake_call(record, HC_translation_flush, 0xfffff000, 0, 0, 0), 0);
    CHECK_EQUAL(fake_log_get(FAKE_FLUSH, 1).values[1], 0xfffff000);
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_translation_flush, 0xfffffffe, 0, 0, 0));
}

static const struct test tests[] = {
    {"first_processor_begins", first_processor_begins},
    {"neighbour_of_64_bits_is_as_ever", neighbour_of_64_bits_is_as_ever},
    {"hypercall_page_is_of_the_width", hypercall_page_is_of_the_width},
    {"start_refuses_addresses_and_widths", start_refuses_addresses_and_widths},
    {"start_refuses_a_level_4_table", start_refuses_a_level_4_table},
    {"arguments_come_in_five_registers", arguments_come_in_five_registers},
    {"calls_take_their_arguments", calls_take_their_arguments},
    {"results_come_in_two_registers", results_come_in_two_registers},
    {"call_keeps_the_other_registers", call_keeps_the_other_registers},
    {"vmcall_is_a_call_of_kernel_mode_only", vmcall_is_a_call_of_kernel_mode_only},
    {"vmcall_at_the_very_end_goes_on_at_0", vmcall_at_the_very_end_goes_on_at_0},
    {"forbidden_interrupt_at_the_very_end", forbidden_interrupt_at_the_very_end},
    {"ranges_end_at_4_gib", ranges_end_at_4_gib},
    {"exit_code_keeps_its_sign", exit_code_keeps_its_sign},
    {"code_addresses_end_at_4_gib", code_addresses_end_at_4_gib},
    {"calls_of_the_other_width_do_not_exist", calls_of_the_other_width_do_not_exist},
    {"all_translations_have_a_32_bit_name", all_translations_have_a_32_bit_name},
    {0, 0},
};

const struct suite suite_width_32 = {"width_32", tests};
