/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Into the guest's kernel: frames, modes, forbidden instructions, first reasons. */
#include <string.h>

#include "check.h"
#include "fake.h"

#define USER_RIP (GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES + 0x400)
#define USER_STACK (GUEST_DATA + 0x2000)
#define KERNEL_STACK (GUEST_STACK_TOP - 0x1000)

static void handler_set(struct virtual_processor *record, uint32_t vector, uint32_t flags,
                        uint64_t address)
{
    *(struct trap_handler *)fake_guest(1, GUEST_DATA) =
        (struct trap_handler){vector, flags, address};
    (void)fake_call(record, HC_trap_handlers_set, GUEST_DATA, 1, 0, 0);
    fake_log_clear();
}

/* The record in kernel mode, with marks in all registers that a frame keeps. */
static struct virtual_processor *kernel_record(void)
{
    struct virtual_processor *record = fake_simple();

    record->registers.rax = 0x1111;
    record->registers.rcx = 0x2222;
    record->registers.r11 = 0x3333;
    record->registers.rbx = 0x4444;
    record->registers.rip = USER_RIP;
    record->registers.rsp = KERNEL_STACK;
    record->registers.rflags = 0x246;
    return record;
}

static struct virtual_processor *user_record(void)
{
    struct virtual_processor *record = fake_simple();

    (void)fake_call(record, HC_base_set, BASE_gs_kernel, 0x7000, 0, 0);
    (void)fake_call(record, HC_base_set, BASE_gs_user, 0x8000, 0, 0);
    (void)fake_call(record, HC_kernel_stack_set, GUEST_STACK_TOP - 0x20, 0, 0, 0);
    fake_user_mode_enter(record, USER_RIP, USER_STACK);
    return record;
}

static void check_stop(uint32_t reason, uint32_t vector, uint64_t error_code, uint64_t rip,
                       uint64_t address)
{
    const struct stop_record *stop = &fake_partition(1)->stop;

    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(stop->reason, reason);
    CHECK_EQUAL(stop->vector, vector);
    CHECK_EQUAL(stop->error_code, error_code);
    CHECK_EQUAL(stop->rip, rip);
    CHECK_EQUAL(stop->address, address);
    CHECK_EQUAL(monitor_state()->running_partitions, 1);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_deadlines[0], 1000); /* partition 2 is not hurt */
}

static void kernel_exception_pushes_a_frame(void)
{
    struct virtual_processor *record = kernel_record();
    const struct trap_frame *frame = fake_guest(1, KERNEL_STACK - 96);
    const struct trap_frame expected = {0x1111,
                                        0x2222,
                                        0x3333,
                                        14,
                                        0x7,
                                        0xdead000,
                                        FRAME_STATE_EVENTS_MASKED,
                                        USER_RIP,
                                        SELECTOR_GUEST_CODE_64,
                                        0x246,
                                        KERNEL_STACK + 9,
                                        SELECTOR_GUEST_DATA};

    handler_set(record, 14, 0, GUEST_HANDLER);
    record->registers.rax = 0x1111;
    record->registers.rcx = 0x2222;
    record->registers.r11 = 0x3333;
    record->registers.rsp = KERNEL_STACK + 9; /* rounded down to 16 first */
    record->fault_address = 0xdead000;
    CHECK(fake_enter(record, 14, 7) == record);
    CHECK(memcmp(frame, &expected, sizeof(expected)) == 0);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(record->registers.rsp, KERNEL_STACK - 96);
    CHECK_EQUAL(record->registers.rflags, 0x202);
    CHECK_EQUAL(record->registers.cs, SELECTOR_GUEST_CODE_64);
    CHECK_EQUAL(record->registers.ss, SELECTOR_GUEST_DATA);
    CHECK_EQUAL(record->registers.rbx, 0x4444);
    CHECK_EQUAL(record->registers.rax, 0x1111);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(fake_partition(1)->counters.traps[14], 1);
    CHECK_EQUAL(fake_log_total(), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_STACK + 14) & (ENTRY_ACCESSED | ENTRY_DIRTY),
                ENTRY_ACCESSED | ENTRY_DIRTY);
}

static void only_page_faults_have_an_address(void)
{
    struct virtual_processor *record = kernel_record();
    const struct trap_frame *frame = fake_guest(1, KERNEL_STACK - 96);

    handler_set(record, 13, TRAP_MASK_EVENTS, GUEST_HANDLER);
    fake_shared(1, 0)->events_masked = 0;
    record->fault_address = 0xdead000;
    (void)fake_enter(record, 13, 0x32);
    CHECK_EQUAL(frame->vector, 13);
    CHECK_EQUAL(frame->error_code, 0x32);
    CHECK_EQUAL(frame->fault_address, 0);
    CHECK_EQUAL(frame->state, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1); /* the handler asked for it */
}

/* What the monitor has in its slots, mapped or not, looks like a page that forbids it. */
static void fault_in_the_slots_of_the_monitor_shows_nothing(void)
{
    static const uint64_t addresses[] = {MONITOR_SLOTS_ADDRESS, 0xffff87ffffffffff, NOT_CANONICAL,
                                         0xffff880000000000, 0xffff7fffffffffff};

    for (uint32_t index = 0; index < sizeof(addresses) / sizeof(addresses[0]); index++) {
        struct virtual_processor *record = kernel_record();
        const struct trap_frame *frame = fake_guest(1, KERNEL_STACK - 96);

        handler_set(record, 14, 0, GUEST_HANDLER);
        record->fault_address = addresses[index];
        (void)fake_enter(record, 14, 0x6);
        CHECK_EQUAL(frame->fault_address, addresses[index]);
        CHECK_EQUAL(frame->error_code, address_is_guest(addresses[index]) ? 0x6 : 0x7);
    }
}

static void user_exception_changes_mode(void)
{
    struct virtual_processor *record = user_record();
    uint64_t stack = GUEST_STACK_TOP - 0x20 - 96;
    const struct trap_frame *frame = fake_guest(1, stack);

    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(fake_bases[0].gs, 0x8000);
    CHECK_EQUAL(record->gs_base_other, 0x7000);
    fake_bases[0] = (struct fake_bases){0x5000, 0x8888}; /* user mode has changed its own */
    fake_partition(1)->trap_handlers[6] = (struct trap_handler){6, 0, GUEST_HANDLER};
    fake_shared(1, 0)->events_masked = 0;
    CHECK(fake_enter(record, 6, 0) == record);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(fake_bases[0].gs, 0x7000);
    CHECK_EQUAL(fake_bases[0].fs, 0x5000);
    CHECK_EQUAL(record->gs_base_other, 0x8888);
    CHECK_EQUAL(record->registers.rsp, stack);
    CHECK_EQUAL(frame->state, FRAME_STATE_USER);
    CHECK_EQUAL(frame->rip, USER_RIP);
    CHECK_EQUAL(frame->rsp, USER_STACK);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 1);
    CHECK_EQUAL(fake_log_get(FAKE_ROOT_LOAD, 0).values[1], record->kernel_root_frame);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
}

/* The user root of this test maps nothing: the frame goes through the kernel's. */
static void frame_is_written_through_the_kernel_root(void)
{
    struct virtual_processor *record = user_record();

    fake_words(1, OFFSET_FREE + 100)[0] = 0;
    fake_partition(1)->trap_handlers[6] = (struct trap_handler){6, 0, GUEST_HANDLER};
    (void)fake_enter(record, 6, 0);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
}

static void unhandled_trap_stops_the_partition(void)
{
    struct virtual_processor *record = kernel_record();

    record->fault_address = 0x123000;
    (void)fake_enter(record, 14, 6);
    check_stop(STOP_unhandled_trap, 14, 6, USER_RIP, 0x123000);
    CHECK_EQUAL(fake_partition(1)->counters.traps[14], 1);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(record->kernel_root_frame, fake_frame(1, OFFSET_L4)); /* for whoever asks why */
    record = kernel_record();
    (void)fake_enter(record, 3, 0);
    check_stop(STOP_unhandled_trap, 3, 0, USER_RIP, 0);
}

static void unwritable_stack_stops_the_partition(void)
{
    struct virtual_processor *record = kernel_record();

    handler_set(record, 13, 0, GUEST_HANDLER);
    record->registers.rsp = GUEST_HOLE + 96 + 15; /* the last byte of the frame fits */
    record->registers.rip = USER_RIP;
    (void)fake_enter(record, 13, 8);
    check_stop(STOP_trap_in_delivery, 13, 8, USER_RIP, GUEST_HOLE);
    CHECK_EQUAL(record->registers.rip, USER_RIP);
    record = kernel_record();
    handler_set(record, 13, 0, GUEST_HANDLER);
    record->registers.rsp = GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES + 0x800;
    (void)fake_enter(record, 13, 8);
    check_stop(STOP_trap_in_delivery, 13, 8, USER_RIP, GUEST_BASE + OFFSET_CODE * 0x1000 + 0x7a0);
    record = kernel_record();
    handler_set(record, 13, 0, GUEST_HANDLER);
    record->registers.rsp = 0x20;
    (void)fake_enter(record, 13, 8);
    check_stop(STOP_trap_in_delivery, 13, 8, USER_RIP, 0x20 - 96ull);
}

/* The machine cannot run its code: it says so with a kick, and again when it is too late. */
static void failure_of_the_machine_stops_the_partition(void)
{
    struct virtual_processor *record = kernel_record();

    monitor_state()->failed_partition = 1;
    monitor_state()->failed_rip = USER_RIP;
    (void)fake_enter(record, ENTRY_KICK, 0);
    check_stop(STOP_unsupported, 0, 0, USER_RIP, 0);
    CHECK_EQUAL(monitor_state()->failed_partition, 0);
    monitor_state()->failed_partition = 1;
    monitor_state()->failed_rip = USER_RIP + 1;
    (void)fake_enter(fake_next, ENTRY_KICK, 0);
    check_stop(STOP_unsupported, 0, 0, USER_RIP, 0);
}

static void first_reason_is_kept(void)
{
    struct virtual_processor *record = kernel_record();

    (void)fake_enter(record, 0, 0);
    fake_stop(fake_next, 1);
    check_stop(STOP_unhandled_trap, 0, 0, USER_RIP, 0);
    fake_stop(fake_next, PARTITION_LIMIT);
    fake_stop(fake_next, 3);
    CHECK_EQUAL(monitor_state()->running_partitions, 1);
    fake_stop(fake_next, 2);
    CHECK_EQUAL(fake_partition(2)->stop.reason, STOP_operator);
    CHECK_EQUAL(monitor_state()->running_partitions, 0);
    CHECK_EQUAL(monitor_state()->stop_request, 0);
    CHECK_EQUAL(monitor_state()->lock, 0);
    CHECK_EQUAL(fake_deadlines[0], TIME_NEVER);
}

/* Stopped by another processor's trap while it ran here: what it did since is nobody's. */
static void what_a_stopped_guest_did_is_not_handled(void)
{
    static const uint64_t vectors[] = {ENTRY_SYSCALL, 14, 6, ENTRY_SOFTWARE_INTERRUPT + 4,
                                       ENTRY_TIMER};
    static const uint32_t processors[2] = {0, 1};

    for (uint32_t index = 0; index < sizeof(vectors) / sizeof(vectors[0]); index++) {
        struct virtual_processor *record;

        fake_reset(2);
        (void)fake_partition_add(RIGHT_ALL, 2, processors);
        fake_slot_add(0, 0, 1000, 0);
        fake_slot_add(1, 1, 1000, 0);
        monitor_start();
        record_get(1)->state = VIRTUAL_PROCESSOR_RUNNABLE;
        record = fake_first(1);
        CHECK_EQUAL(record->id, 1);
        (void)fake_enter(fake_first(0), 0, 0);
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
        CHECK_EQUAL(fake_log_count(FAKE_KICK), 1);
        record->registers.rax = HC_version;
        CHECK_EQUAL(fake_enter(record, vectors[index], 0)->id, IDLE_ID_FIRST + 1);
        CHECK_EQUAL(record->registers.rax, HC_version);
        CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_version], 0);
        CHECK_EQUAL(fake_partition(1)->counters.traps[14], 0);
        CHECK_EQUAL(fake_partition(1)->stop.vector, 0);
        CHECK_EQUAL(monitor_state()->processors[1].attention, 0);
    }
}

/* The kick that tells of it may bring an order or an event as well. */
static void kick_of_a_stopped_guest_is_taken(void)
{
    static const uint32_t processors[2] = {0, 1};
    static const uint32_t other[1] = {1};
    struct virtual_processor *record;

    fake_reset(2);
    (void)fake_partition_add(RIGHT_ALL, 2, processors);
    (void)fake_partition_add(RIGHT_ALL, 1, other);
    (void)fake_partition_add(RIGHT_ALL, 1, other);
    fake_slot_add(0, 0, 1000, 0);
    fake_slot_add(1, 1, 1000, SLOT_DONATES);
    fake_slot_add(1, 2, 1000, 0);
    monitor_start();
    record_get(1)->state = VIRTUAL_PROCESSOR_RUNNABLE;
    record_get(2)->state = VIRTUAL_PROCESSOR_BLOCKED;
    record = fake_first(1);
    CHECK_EQUAL(record->id, 1);
    (void)fake_enter(fake_first(0), 0, 0);
    fake_shared(2, 0)->events_pending = 1ull << PORT_CONSOLE;
    fake_stop(record, 3);
    CHECK_EQUAL(fake_partition(3)->stop.reason, STOP_operator);
    CHECK_EQUAL(monitor_state()->stop_request, 0);
    CHECK_EQUAL(fake_next->id, 2); /* woken, in the slot that is donated */
}

static void system_call_of_user_mode(void)
{
    struct virtual_processor *record = user_record();
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 0x20 - 96);

    record->callbacks[CALLBACK_system_call] = GUEST_HANDLER;
    fake_shared(1, 0)->events_masked = 0;
    record->registers.rax = HC_partition_exit;
    record->registers.rcx = USER_RIP;
    record->registers.r11 = 0x202;
    CHECK(fake_enter(record, ENTRY_SYSCALL, 0) == record);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(frame->vector, VECTOR_SYSTEM_CALL);
    CHECK_EQUAL(frame->error_code, 0);
    CHECK_EQUAL(frame->rax, HC_partition_exit);
    CHECK_EQUAL(frame->state, FRAME_STATE_USER);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
    CHECK_EQUAL(fake_partition(1)->counters.system_calls, 1);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_partition_exit], 0);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 1);
}

static void forbidden_instructions_go_back(void)
{
    struct virtual_processor *record = user_record();
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 0x20 - 96);

    fake_partition(1)->trap_handlers[6] = (struct trap_handler){6, 0, GUEST_HANDLER};
    (void)fake_enter(record, ENTRY_SYSCALL, 0);
    CHECK_EQUAL(frame->vector, 6);
    CHECK_EQUAL(frame->rip, USER_RIP - 2);
    CHECK_EQUAL(fake_partition(1)->counters.system_calls, 0);
}

/* As on a processor without VT-x it arrives as #UD at the instruction. */
static void vmcall_is_a_hypercall_of_kernel_mode_only(void)
{
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 0x20 - 96);
    struct virtual_processor *record = kernel_record();

    memcpy(fake_guest(1, USER_RIP), "\x0f\x01\xc1", 3);
    record->registers.rax = HC_version;
    CHECK(fake_enter(record, 6, 0) == record);
    CHECK_EQUAL(record->registers.rax, ABI_VERSION);
    CHECK_EQUAL(record->registers.rip, USER_RIP + 3);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_version], 1);
    CHECK_EQUAL(fake_partition(1)->counters.traps[6], 0);
    /* Other bytes, and bytes that cannot be read, are what they are. */
    handler_set(record, 6, 0, GUEST_HANDLER);
    for (uint32_t place = 0; place < 3; place++) {
        ((uint8_t *)fake_guest(1, USER_RIP))[place] ^= 0x18;
        record->registers.rip = USER_RIP;
        (void)fake_enter(record, 6, 0);
        CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
        ((uint8_t *)fake_guest(1, USER_RIP))[place] ^= 0x18;
    }
    record->registers.rip = GUEST_HOLE - 2;
    (void)fake_enter(record, 6, 0);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(fake_partition(1)->counters.traps[6], 4);
    record = user_record();
    memcpy(fake_guest(1, USER_RIP), "\x0f\x01\xc1", 3);
    fake_partition(1)->trap_handlers[6] = (struct trap_handler){6, 0, GUEST_HANDLER};
    record->registers.rax = HC_version;
    (void)fake_enter(record, 6, 0);
    CHECK_EQUAL(frame->vector, 6);
    CHECK_EQUAL(frame->rip, USER_RIP);
    CHECK_EQUAL(record->registers.rax, HC_version);
    CHECK_EQUAL(record->user_mode, 0);
}

static void software_interrupts(void)
{
    const struct trap_frame *frame = fake_guest(1, GUEST_STACK_TOP - 0x20 - 96);
    struct virtual_processor *record = user_record();

    fake_partition(1)->trap_handlers[4] =
        (struct trap_handler){4, TRAP_USER_ALLOWED, GUEST_HANDLER};
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 4, 99);
    CHECK_EQUAL(frame->vector, 4);
    CHECK_EQUAL(frame->error_code, 0);
    CHECK_EQUAL(frame->rip, USER_RIP);
    /* A registered handler that user mode may not raise: #GP at the instruction. */
    record = user_record();
    fake_partition(1)->trap_handlers[4] = (struct trap_handler){4, 0, GUEST_HANDLER};
    fake_partition(1)->trap_handlers[13] = (struct trap_handler){13, 0, GUEST_HANDLER + 8};
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 4, 0);
    CHECK_EQUAL(frame->vector, 13);
    CHECK_EQUAL(frame->error_code, 4 * 8 + 2);
    CHECK_EQUAL(frame->rip, USER_RIP - 2);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER + 8);
    /* From kernel mode it may, without the flag. */
    record->registers.rip = USER_RIP;
    record->registers.rsp = KERNEL_STACK;
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 4, 0);
    CHECK_EQUAL(((struct trap_frame *)fake_guest(1, KERNEL_STACK - 96))->vector, 4);
    /* Beyond the exceptions, and 0x82 of 32-bit guests: #GP from either mode. */
    record->registers.rip = USER_RIP;
    record->registers.rsp = KERNEL_STACK;
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 0x82, 0);
    CHECK_EQUAL(((struct trap_frame *)fake_guest(1, KERNEL_STACK - 96))->vector, 13);
    CHECK_EQUAL(((struct trap_frame *)fake_guest(1, KERNEL_STACK - 96))->error_code, 0x82 * 8 + 2);
    record->registers.rip = USER_RIP;
    record->registers.rsp = KERNEL_STACK;
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 255, 0);
    CHECK_EQUAL(((struct trap_frame *)fake_guest(1, KERNEL_STACK - 96))->error_code, 255 * 8 + 2);
    /* No handler at all for vector 14: not delivered as a page fault. */
    record->registers.rsp = KERNEL_STACK;
    (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + 14, 0);
    CHECK_EQUAL(((struct trap_frame *)fake_guest(1, KERNEL_STACK - 96))->vector, 13);
}

/* `syscall` as the last instruction below the hole: no processor can return there. */
static void return_address_in_the_hole_is_a_fault(void)
{
    struct virtual_processor *record = kernel_record();
    const struct trap_frame *frame = fake_guest(1, KERNEL_STACK - 96);
    static const uint64_t vectors[] = {ENTRY_SYSCALL, ENTRY_TIMER, ENTRY_KICK,
                                       ENTRY_SOFTWARE_INTERRUPT + 4};

    for (uint32_t index = 0; index < sizeof(vectors) / sizeof(vectors[0]); index++) {
        handler_set(record, 13, 0, GUEST_HANDLER);
        record->registers.rip = NOT_CANONICAL;
        record->registers.rsp = KERNEL_STACK;
        record->registers.rax = HC_partition_exit;
        CHECK(fake_enter(record, vectors[index], 0) == record);
        CHECK_EQUAL(frame->vector, 13);
        CHECK_EQUAL(frame->error_code, 0);
        CHECK_EQUAL(frame->rip, NOT_CANONICAL);
        CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    }
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
}

/* The same for `vmcall`, on the only page where it can be: mapped by hand below the hole. */
static void vmcall_below_the_hole_is_a_fault(void)
{
    struct virtual_processor *record = kernel_record();
    const struct trap_frame *frame = fake_guest(1, KERNEL_STACK - 96);
    uint32_t tables[3] = {OFFSET_FREE + 10, OFFSET_FREE + 11, OFFSET_FREE + 12};
    uint8_t *code = (uint8_t *)fake_words(1, OFFSET_CODE);

    for (uint32_t level = 1; level <= 3; level++) {
        fake_words(1, tables[level - 1])[511] =
            level == 1 ? ENTRY_OF(fake_frame(1, OFFSET_CODE), ENTRY_CODE)
                       : ENTRY_OF(fake_frame(1, tables[level - 2]), ENTRY_TABLE);
        CHECK_EQUAL(fake_call(record, HC_table_pin, fake_frame(1, tables[level - 1]), level, 0, 0),
                    0);
    }
    *(struct table_update *)fake_guest(1, GUEST_DATA) =
        (struct table_update){(fake_frame(1, OFFSET_L4) << PAGE_SHIFT) + 255 * 8,
                              ENTRY_OF(fake_frame(1, tables[2]), ENTRY_TABLE)};
    CHECK_EQUAL(fake_call(record, HC_table_update, GUEST_DATA, 1, 0, 0), 0);
    handler_set(record, 13, 0, GUEST_HANDLER);
    memcpy(code + PAGE_SIZE_BYTES - 3, "\x0f\x01\xc1", 3);
    record->registers.rax = HC_partition_exit;
    record->registers.rip = NOT_CANONICAL - 3;
    CHECK(fake_enter(record, 6, 0) == record);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(frame->vector, 13);
    CHECK_EQUAL(frame->rip, NOT_CANONICAL);
}

static void entry_is_sanitised(void)
{
    struct virtual_processor *record = kernel_record();

    record->registers.rflags = ~0ull;
    record->registers.cs = 0x1234;
    record->registers.ss = 0;
    (void)fake_enter(record, ENTRY_TIMER, 0);
    CHECK_EQUAL(record->registers.rflags, 0x240fd7);
    CHECK_EQUAL(record->registers.cs, SELECTOR_GUEST_CODE_64);
    CHECK_EQUAL(record->registers.ss, SELECTOR_GUEST_DATA);
}

static void frame_and_iret_are_a_round_trip(void)
{
    struct virtual_processor *record = user_record();
    struct registers before;

    record->registers.rflags = 0x40ed7 & ~0x1000ull;
    record->registers.rax = 7;
    record->registers.rcx = 8;
    record->registers.r11 = 9;
    fake_partition(1)->trap_handlers[14] =
        (struct trap_handler){14, TRAP_MASK_EVENTS, GUEST_HANDLER};
    fake_shared(1, 0)->events_masked = 0;
    before = record->registers;
    (void)fake_enter(record, 14, 4);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(fake_bases[0].gs, 0x8000);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
    CHECK_EQUAL(record->registers.rip, before.rip);
    CHECK_EQUAL(record->registers.rsp, before.rsp);
    CHECK_EQUAL(record->registers.rflags, before.rflags);
    CHECK_EQUAL(record->registers.rax, 7);
    CHECK_EQUAL(record->registers.rcx, 8);
    CHECK_EQUAL(record->registers.r11, 9);
}

static const struct test tests[] = {
    {"kernel_exception_pushes_a_frame", kernel_exception_pushes_a_frame},
    {"only_page_faults_have_an_address", only_page_faults_have_an_address},
    {"fault_in_the_slots_of_the_monitor_shows_nothing",
     fault_in_the_slots_of_the_monitor_shows_nothing},
    {"user_exception_changes_mode", user_exception_changes_mode},
    {"frame_is_written_through_the_kernel_root", frame_is_written_through_the_kernel_root},
    {"unhandled_trap_stops_the_partition", unhandled_trap_stops_the_partition},
    {"unwritable_stack_stops_the_partition", unwritable_stack_stops_the_partition},
    {"failure_of_the_machine_stops_the_partition", failure_of_the_machine_stops_the_partition},
    {"first_reason_is_kept", first_reason_is_kept},
    {"what_a_stopped_guest_did_is_not_handled", what_a_stopped_guest_did_is_not_handled},
    {"system_call_of_user_mode", system_call_of_user_mode},
    {"forbidden_instructions_go_back", forbidden_instructions_go_back},
    {"kick_of_a_stopped_guest_is_taken", kick_of_a_stopped_guest_is_taken},
    {"vmcall_is_a_hypercall_of_kernel_mode_only", vmcall_is_a_hypercall_of_kernel_mode_only},
    {"software_interrupts", software_interrupts},
    {"return_address_in_the_hole_is_a_fault", return_address_in_the_hole_is_a_fault},
    {"vmcall_below_the_hole_is_a_fault", vmcall_below_the_hole_is_a_fault},
    {"entry_is_sanitised", entry_is_sanitised},
    {"frame_and_iret_are_a_round_trip", frame_and_iret_are_a_round_trip},
    {0, 0},
};

const struct suite suite_traps = {"traps", tests};
