/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Into the kernel of a 32-bit guest and out of it: modes, frames byte by byte, first reasons. */
#include <string.h>

#include "check.h"
#include "fake_32.h"

#define USER_EIP (GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES + 0x400)
#define USER_STACK (GUEST_DATA + 0x2000)
#define KERNEL_STACK (GUEST_STACK_TOP - 0x1000)
#define FRAME_BYTES 48
#define RETURN_FRAME (GUEST_DATA + 0x100)
#define PROTECTION 13

/* The record in kernel mode, with marks in all registers that a frame keeps. */
static struct virtual_processor *kernel_record(void)
{
    struct virtual_processor *record = fake_simple_32();

    record->registers.rax = 0xdead000011111111;
    record->registers.rcx = 0xdead000022222222;
    record->registers.rdx = 0xdead000033333333;
    record->registers.rbx = 0x4444;
    record->registers.rip = USER_EIP;
    record->registers.rsp = KERNEL_STACK;
    record->registers.rflags = 0x246;
    return record;
}

static struct virtual_processor *user_record(void)
{
    struct virtual_processor *record = fake_simple_32();

    (void)fake_call(record, HC_kernel_stack_set, KERNEL_STACK, 0, 0, 0);
    fake_user_mode_enter_32(record, USER_EIP, USER_STACK);
    record->registers.rax = 0x11111111;
    record->registers.rcx = 0x22222222;
    record->registers.rdx = 0x33333333;
    record->registers.rflags = 0x246;
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

static void check_in_kernel(const struct virtual_processor *record, uint64_t esp)
{
    CHECK(fake_next == record);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(record->registers.rsp, esp);
    CHECK_EQUAL(record->registers.rflags, 0x202);
    CHECK_EQUAL(record->registers.cs, SELECTOR_KERNEL_CODE_32);
    CHECK_EQUAL(record->registers.ss, SELECTOR_KERNEL_DATA_32);
    CHECK_EQUAL(fake_log_total(), 0); /* one root and one set of bases serve both modes */
}

static void kernel_exception_pushes_a_frame(void)
{
    static const uint32_t expected[12] = {0x11111111,
                                          0x22222222,
                                          0x33333333,
                                          14,
                                          0x3,
                                          0xdead000,
                                          FRAME_STATE_EVENTS_MASKED,
                                          (uint32_t)USER_EIP,
                                          SELECTOR_KERNEL_CODE_32,
                                          0x246,
                                          (uint32_t)KERNEL_STACK + 9,
                                          SELECTOR_KERNEL_DATA_32};
    struct virtual_processor *record = kernel_record();
    uint32_t *stack = fake_guest(1, KERNEL_STACK - FRAME_BYTES);

    fake_handler_set(1, 14, 0, GUEST_HANDLER);
    stack[-1] = stack[12] = 0x5a5a5a5a;
    record->registers.rsp = KERNEL_STACK + 9; /* rounded down to 16 first */
    record->fault_address = 0xdead000;
    (void)fake_enter(record, 14, 3);
    CHECK(memcmp(stack, expected, sizeof(expected)) == 0);
    CHECK_EQUAL(stack[-1], 0x5a5a5a5a);
    CHECK_EQUAL(stack[12], 0x5a5a5a5a);
    check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
    CHECK_EQUAL(record->registers.rbx, 0x4444);
    CHECK_EQUAL(record->registers.rax, 0xdead000011111111);
    CHECK_EQUAL(fake_partition(1)->counters.traps[14], 1);
    CHECK_EQUAL(*fake_entry(1, OFFSET_STACK + 14) & (ENTRY_ACCESSED | ENTRY_DIRTY),
                ENTRY_ACCESSED | ENTRY_DIRTY);
}

static void user_exception_pushes_a_frame(void)
{
    static const uint32_t expected[12] = {0x11111111,
                                          0x22222222,
                                          0x33333333,
                                          PROTECTION,
                                          0x32,
                                          0,
                                          FRAME_STATE_USER,
                                          (uint32_t)USER_EIP,
                                          SELECTOR_USER_CODE_32,
                                          0x246,
                                          (uint32_t)USER_STACK,
                                          SELECTOR_GUEST_DATA};
    struct virtual_processor *record = user_record();

    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(record->registers.cs, SELECTOR_USER_CODE_32);
    CHECK_EQUAL(record->registers.ss, SELECTOR_GUEST_DATA);
    fake_handler_set(1, PROTECTION, TRAP_MASK_EVENTS, GUEST_HANDLER);
    record->fault_address = 0xdead000; /* of an earlier page fault */
    (void)fake_enter(record, PROTECTION, 0x32);
    CHECK(memcmp(fake_guest(1, KERNEL_STACK - FRAME_BYTES), expected, sizeof(expected)) == 0);
    check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
}

/* Bases come with the selectors, which no mode owns: nothing is swapped on the way. */
static void bases_are_not_swapped(void)
{
    struct virtual_processor *record = fake_simple_32();

    record->gs_base = 0x5000;
    record->gs_base_other = 0x6000;
    fake_bases[0] = (struct fake_bases){0x7000, 0x8000};
    fake_handler_set(1, 6, 0, GUEST_HANDLER);
    fake_user_mode_enter_32(record, USER_EIP, USER_STACK);
    CHECK_EQUAL(record->gs_base, 0x5000);
    CHECK_EQUAL(record->gs_base_other, 0x6000);
    (void)fake_enter(record, 6, 0);
    check_in_kernel(record, GUEST_STACK_TOP - FRAME_BYTES);
    CHECK_EQUAL(record->gs_base, 0x5000);
    CHECK_EQUAL(record->gs_base_other, 0x6000);
    CHECK_EQUAL(fake_bases[0].fs, 0x7000);
    CHECK_EQUAL(fake_bases[0].gs, 0x8000);
    CHECK_EQUAL(record->root_address, MONITOR_ROOTS_ADDRESS);
}

/* A 32-bit kernel goes to user mode by an `iret` of its own: the monitor is not told. */
static void mode_is_what_the_code_segment_says(void)
{
    struct virtual_processor *record = kernel_record();
    const struct trap_frame_32 *frame = fake_guest(1, GUEST_STACK_TOP - FRAME_BYTES);

    fake_handler_set(1, 6, 0, GUEST_HANDLER);
    record->registers.cs = SELECTOR_USER_CODE_32;
    record->registers.ss = SELECTOR_GUEST_DATA;
    (void)fake_enter(record, 6, 0);
    CHECK_EQUAL(frame->state & FRAME_STATE_USER, FRAME_STATE_USER);
    CHECK_EQUAL(frame->cs, SELECTOR_USER_CODE_32);
    CHECK_EQUAL(frame->esp, KERNEL_STACK);
    check_in_kernel(record, GUEST_STACK_TOP - FRAME_BYTES);
    (void)fake_enter(record, 6, 0);
    check_in_kernel(record, GUEST_STACK_TOP - 2ull * FRAME_BYTES);
    /* A tick changes nothing but what is known of the mode. */
    record->registers.cs = SELECTOR_USER_CODE_32;
    fake_times[0] = 10;
    (void)fake_enter(record, ENTRY_TIMER, 0);
    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(record->registers.cs, SELECTOR_USER_CODE_32);
    CHECK_EQUAL(record->registers.ss, SELECTOR_GUEST_DATA);
}

/* Whatever its selectors are, it goes on with those of its mode, flat. */
static void entry_is_sanitised(void)
{
    struct virtual_processor *record = kernel_record();

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        bool user = ring == 3;

        record->registers.rip = 0xabcd000000000000 | USER_EIP;
        record->registers.rsp = 0xabcd000000000000 | KERNEL_STACK;
        record->registers.rflags = ~0ull;
        record->registers.cs = 0xc8 | ring;
        record->registers.ss = 0xc0 | ring;
        fake_times[0] += 10;
        CHECK(fake_enter(record, ENTRY_TIMER, 0) == record);
        CHECK_EQUAL(record->registers.rip, USER_EIP);
        CHECK_EQUAL(record->registers.rsp, KERNEL_STACK);
        CHECK_EQUAL(record->registers.rflags, 0x240fd7); /* no IOPL NT RF VM VIF VIP */
        CHECK_EQUAL(record->registers.cs, user ? SELECTOR_USER_CODE_32 : SELECTOR_KERNEL_CODE_32);
        CHECK_EQUAL(record->registers.ss, user ? SELECTOR_GUEST_DATA : SELECTOR_KERNEL_DATA_32);
    }
}

static void page_fault_names_a_32_bit_address(void)
{
    struct virtual_processor *record = user_record();
    const struct trap_frame_32 *frame = fake_guest(1, KERNEL_STACK - FRAME_BYTES);

    fake_handler_set(1, 14, 0, GUEST_HANDLER);
    record->fault_address = 0xffffffff;
    (void)fake_enter(record, 14, 6);
    CHECK_EQUAL(frame->fault_address, 0xffffffff);
    CHECK_EQUAL(frame->error_code, 6);
    record = user_record();
    record->fault_address = 0x1fffffff8; /* a base and an offset that the engine has added up */
    (void)fake_enter(record, 14, 4);
    check_stop(STOP_unhandled_trap, 14, 4, USER_EIP, 0xfffffff8);
}

static void hypercall_of_user_mode_is_forbidden(void)
{
    struct virtual_processor *record = user_record();
    const struct trap_frame_32 *frame = fake_guest(1, KERNEL_STACK - FRAME_BYTES);

    fake_handler_set(1, PROTECTION, 0, GUEST_HANDLER);
    record->registers.rip = USER_EIP + 2;
    (void)fake_enter(record, INTERRUPT_82, 0);
    CHECK_EQUAL(frame->vector, PROTECTION);
    CHECK_EQUAL(frame->error_code, HYPERCALL_VECTOR * 8 + 2);
    CHECK_EQUAL(frame->eip, USER_EIP);
    check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
    for (uint32_t number = 0; number < HYPERCALL_COUNT; number++) {
        bool prepared = number == HC_kernel_stack_set || number == HC_iret;

        CHECK_EQUAL(fake_partition(1)->counters.hypercalls[number], prepared);
    }
    record = user_record();
    record->registers.rip = USER_EIP + 2;
    (void)fake_enter(record, INTERRUPT_82, 0);
    check_stop(STOP_unhandled_trap, PROTECTION, HYPERCALL_VECTOR * 8 + 2, USER_EIP, 0);
}

static void system_call_of_user_mode(void)
{
    struct virtual_processor *record = user_record();
    const struct trap_frame_32 *frame = fake_guest(1, KERNEL_STACK - FRAME_BYTES);

    record->callbacks[CALLBACK_system_call] = GUEST_HANDLER;
    record->registers.rip = USER_EIP + 2;
    (void)fake_enter(record, INTERRUPT_80, 0);
    CHECK_EQUAL(frame->vector, VECTOR_SYSTEM_CALL);
    CHECK_EQUAL(frame->error_code, 0);
    CHECK_EQUAL(frame->fault_address, 0);
    CHECK_EQUAL(frame->eip, USER_EIP + 2);
    CHECK_EQUAL(frame->eax, 0x11111111);
    CHECK_EQUAL(frame->state, FRAME_STATE_USER);
    check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
    CHECK_EQUAL(fake_partition(1)->counters.system_calls, 1);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
    /* The kernel has no system calls of its own. */
    record->registers.rip = USER_EIP + 2;
    (void)fake_enter(record, INTERRUPT_80, 0);
    check_stop(STOP_unhandled_trap, PROTECTION, SYSTEM_CALL_VECTOR * 8 + 2, USER_EIP, 0);
    CHECK_EQUAL(fake_partition(1)->counters.system_calls, 1);
}

static void system_call_without_a_handler_is_forbidden(void)
{
    struct virtual_processor *record = user_record();
    const struct trap_frame_32 *frame = fake_guest(1, KERNEL_STACK - FRAME_BYTES);

    fake_handler_set(1, PROTECTION, 0, GUEST_HANDLER);
    record->registers.rip = USER_EIP + 2;
    (void)fake_enter(record, INTERRUPT_80, 0);
    CHECK_EQUAL(frame->vector, PROTECTION);
    CHECK_EQUAL(frame->error_code, SYSTEM_CALL_VECTOR * 8 + 2);
    CHECK_EQUAL(frame->eip, USER_EIP);
    CHECK_EQUAL(fake_partition(1)->counters.system_calls, 0);
    check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
}

/* Vectors that mean something in 32 bits mean nothing to a 64-bit guest. */
static void calls_by_interrupt_are_no_calls_in_64_bits(void)
{
    static const uint32_t vectors[] = {HYPERCALL_VECTOR, SYSTEM_CALL_VECTOR};

    for (uint32_t index = 0; index < 2; index++) {
        struct virtual_processor *record = fake_simple();

        record->callbacks[CALLBACK_system_call] = GUEST_HANDLER;
        record->registers.rip = USER_EIP + 2;
        (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + vectors[index], 0);
        check_stop(STOP_unhandled_trap, PROTECTION, vectors[index] * 8 + 2, USER_EIP, 0);
    }
}

static void software_interrupts_go_to_their_handlers(void)
{
    for (uint32_t vector = 0; vector < 256; vector++) {
        struct virtual_processor *record = user_record();
        const struct trap_frame_32 *frame = fake_guest(1, KERNEL_STACK - FRAME_BYTES);
        bool allowed = vector < TRAP_VECTOR_LIMIT && vector % 2 == 0;

        for (uint32_t handler = 0; handler < TRAP_VECTOR_LIMIT; handler++) {
            fake_handler_set(1, handler, handler % 2 == 0 ? TRAP_USER_ALLOWED : 0, GUEST_HANDLER);
        }
        record->callbacks[CALLBACK_system_call] = GUEST_HANDLER;
        record->registers.rip = USER_EIP + 2;
        (void)fake_enter(record, ENTRY_SOFTWARE_INTERRUPT + vector, 0);
        check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
        if (vector == SYSTEM_CALL_VECTOR) {
            CHECK_EQUAL(frame->vector, VECTOR_SYSTEM_CALL);
            continue;
        }
        CHECK_EQUAL(frame->vector, allowed ? vector : PROTECTION);
        CHECK_EQUAL(frame->error_code, allowed ? 0 : vector * 8 + 2);
        CHECK_EQUAL(frame->eip, allowed ? USER_EIP + 2 : USER_EIP);
    }
}

static void unwritable_stack_stops_the_partition(void)
{
    struct virtual_processor *record = kernel_record();
    uint64_t code = GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES;

    fake_handler_set(1, 14, 0, GUEST_HANDLER);
    record->registers.rsp = GUEST_HOLE + 0x800;
    record->fault_address = 0x99;
    (void)fake_enter(record, 14, 2);
    check_stop(STOP_trap_in_delivery, 14, 2, USER_EIP, GUEST_HOLE + 0x800 - FRAME_BYTES);
    record = kernel_record();
    fake_handler_set(1, 14, 0, GUEST_HANDLER);
    record->registers.rsp = code + 0x800; /* not writable: for ring 1 neither */
    (void)fake_enter(record, 14, 2);
    check_stop(STOP_trap_in_delivery, 14, 2, USER_EIP, code + 0x800 - FRAME_BYTES);
    /* Half of it would fit: none of it is written. */
    record = kernel_record();
    fake_handler_set(1, 14, 0, GUEST_HANDLER);
    memset(fake_guest(1, GUEST_STACK_TOP - 64), 0x5a, 64);
    record->registers.rsp = GUEST_STACK_TOP + 16;
    (void)fake_enter(record, 14, 2);
    check_stop(STOP_trap_in_delivery, 14, 2, USER_EIP, GUEST_STACK_TOP - 32);
    for (uint32_t offset = 1; offset <= 64; offset++) {
        CHECK_EQUAL(*(uint8_t *)fake_guest(1, GUEST_STACK_TOP - offset), 0x5a);
    }
}

static void frame_across_a_page_is_whole(void)
{
    struct virtual_processor *record = kernel_record();
    uint64_t stack = GUEST_STACK_TOP - 0x2000 + 32;
    struct trap_frame_32 frame;

    fake_handler_set(1, 3, 0, GUEST_HANDLER);
    record->registers.rsp = stack;
    (void)fake_enter(record, 3, 0);
    check_in_kernel(record, stack - FRAME_BYTES);
    memcpy(&frame, fake_guest(1, stack - FRAME_BYTES), sizeof(frame));
    CHECK_EQUAL(frame.eax, 0x11111111);
    CHECK_EQUAL(frame.ss, SELECTOR_KERNEL_DATA_32);
    CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0, 0), 0x3333333311111111);
    CHECK_EQUAL(record->registers.rsp, stack);
}

/* A stack at 0 begins below 4 GiB; a frame that would lie at both ends lies nowhere. */
static void stack_wraps_but_no_frame_does(void)
{
    struct virtual_processor *record = kernel_record();
    struct trap_frame_32 frame;

    fake_ends_map_32(record);
    fake_handler_set(1, 6, 0, GUEST_HANDLER);
    record->registers.rip = GUEST_HANDLER;
    record->registers.rsp = 0;
    (void)fake_enter(record, 6, 0);
    check_in_kernel(record, ADDRESS_END_32 - FRAME_BYTES);
    memcpy(&frame, (uint8_t *)fake_words(1, OFFSET_LAST_PAGE) + 0x1000 - FRAME_BYTES,
           sizeof(frame));
    CHECK_EQUAL(frame.vector, 6);
    CHECK_EQUAL(frame.esp, 0);
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    CHECK_EQUAL(record->registers.rsp, 0);
    record->registers.rsp = 0x10;
    (void)fake_enter(record, 6, 0);
    check_stop(STOP_trap_in_delivery, 6, 0, GUEST_HANDLER, 0xffffffe0);
    record = kernel_record();
    fake_ends_map_32(record);
    record->registers.rip = USER_EIP;
    record->registers.rsp = ADDRESS_END_32 - FRAME_BYTES + 4;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    check_stop(STOP_bad_return, 0, 0, USER_EIP, ADDRESS_END_32 - FRAME_BYTES + 4);
}

static struct trap_frame_32 *return_frame(struct virtual_processor *record)
{
    struct trap_frame_32 *frame = fake_guest(1, RETURN_FRAME);

    *frame = (struct trap_frame_32){
        .eax = 0xaaaaaaaa,
        .ecx = 0xbbbbbbbb,
        .edx = 0xcccccccc,
        .eip = (uint32_t)GUEST_HANDLER,
        .esp = (uint32_t)USER_STACK,
        .eflags = 0x202,
    };
    record->registers.rsp = RETURN_FRAME;
    return frame;
}

static void iret_restores_the_frame(void)
{
    struct virtual_processor *record = kernel_record();
    struct trap_frame_32 *frame = return_frame(record);

    record->registers.r11 = 0x1234;
    frame->vector = frame->error_code = frame->fault_address = 99;
    frame->cs = SELECTOR_GUEST_CODE_64;
    frame->ss = SELECTOR_MONITOR_DATA;
    frame->eflags = ~0u;
    CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0, 0), 0xccccccccaaaaaaaa);
    CHECK(fake_next == record);
    CHECK_EQUAL(record->registers.rax, 0xaaaaaaaa);
    CHECK_EQUAL(record->registers.rcx, 0xbbbbbbbb);
    CHECK_EQUAL(record->registers.rdx, 0xcccccccc);
    CHECK_EQUAL(record->registers.r11, 0x1234); /* the frame has none */
    CHECK_EQUAL(record->registers.rip, GUEST_HANDLER);
    CHECK_EQUAL(record->registers.rsp, USER_STACK);
    CHECK_EQUAL(record->registers.rflags, 0x240fd7); /* IF and bit 1 set; IOPL NT RF VM gone */
    CHECK_EQUAL(record->registers.cs, SELECTOR_KERNEL_CODE_32);
    CHECK_EQUAL(record->registers.ss, SELECTOR_KERNEL_DATA_32);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 0);
    CHECK_EQUAL(fake_log_total(), 0);
    frame = return_frame(record);
    frame->state = FRAME_STATE_EVENTS_MASKED;
    frame->eflags = 0;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
    CHECK_EQUAL(record->registers.rflags, 0x202);
}

static void iret_goes_to_user_mode(void)
{
    struct virtual_processor *record = kernel_record();
    struct trap_frame_32 *frame = return_frame(record);

    frame->state = 0xfffffffc | FRAME_STATE_USER; /* other bits mean nothing */
    frame->eip = 0xffffffff;
    frame->esp = 0xffffffff;
    CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0, 0), 0xccccccccaaaaaaaa);
    CHECK_EQUAL(record->user_mode, 1);
    CHECK_EQUAL(record->registers.rip, 0xffffffff);
    CHECK_EQUAL(record->registers.rsp, 0xffffffff);
    CHECK_EQUAL(record->registers.cs, SELECTOR_USER_CODE_32);
    CHECK_EQUAL(record->registers.ss, SELECTOR_GUEST_DATA);
    CHECK_EQUAL(record->root_address, MONITOR_ROOTS_ADDRESS);
    CHECK_EQUAL(fake_log_total(), 0);
}

static void bad_return_stops_the_partition(void)
{
    static const uint64_t bad_stacks[] = {GUEST_HOLE, GUEST_HOLE - FRAME_BYTES + 1, GUEST_HOLE - 4,
                                          0, 0xffffffff};

    for (uint32_t index = 0; index < sizeof(bad_stacks) / sizeof(bad_stacks[0]); index++) {
        struct virtual_processor *record = kernel_record();

        record->registers.rsp = bad_stacks[index];
        /* The result's registers keep what they held. */
        CHECK_EQUAL(fake_call(record, HC_iret, 0, 0, 0x77, 0), 0x7700000009);
        check_stop(STOP_bad_return, 0, 0, USER_EIP, bad_stacks[index]);
    }
    (void)return_frame(kernel_record());
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
}

static void event_is_delivered_in_either_mode(void)
{
    struct virtual_processor *record = kernel_record();
    const struct trap_frame_32 *frame = fake_guest(1, KERNEL_STACK - FRAME_BYTES);

    (void)fake_call(record, HC_callback_set, CALLBACK_event, GUEST_HANDLER, 0, 0);
    fake_shared(1, 0)->events_masked = 0;
    fake_shared(1, 0)->events_pending = 1;
    (void)fake_call(record, HC_version, 0, 0, 0, 0);
    CHECK_EQUAL(frame->vector, VECTOR_EVENT);
    CHECK_EQUAL(frame->eax, ABI_VERSION); /* the call was done before */
    CHECK_EQUAL(frame->state, 0);
    CHECK_EQUAL(fake_shared(1, 0)->events_masked, 1);
    check_in_kernel(record, KERNEL_STACK - FRAME_BYTES);
    record = user_record();
    (void)fake_call(record, HC_version, 0, 0, 0, 0); /* of user mode: stops it */
    check_stop(STOP_unhandled_trap, PROTECTION, HYPERCALL_VECTOR * 8 + 2, USER_EIP - 2, 0);
    record = user_record();
    record->callbacks[CALLBACK_event] = GUEST_HANDLER;
    fake_shared(1, 0)->events_pending = 1;
    fake_times[0] = 10;
    fake_log_clear();
    (void)fake_enter(record, ENTRY_TIMER, 0);
    CHECK_EQUAL(frame->vector, VECTOR_EVENT);
    CHECK_EQUAL(frame->state, FRAME_STATE_USER);
    CHECK_EQUAL(frame->eip, USER_EIP);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(record->registers.rsp, KERNEL_STACK - FRAME_BYTES);
    CHECK_EQUAL(fake_log_count(FAKE_ROOT_LOAD), 0);
}

static const struct test tests[] = {
    {"kernel_exception_pushes_a_frame", kernel_exception_pushes_a_frame},
    {"user_exception_pushes_a_frame", user_exception_pushes_a_frame},
    {"bases_are_not_swapped", bases_are_not_swapped},
    {"mode_is_what_the_code_segment_says", mode_is_what_the_code_segment_says},
    {"entry_is_sanitised", entry_is_sanitised},
    {"page_fault_names_a_32_bit_address", page_fault_names_a_32_bit_address},
    {"hypercall_of_user_mode_is_forbidden", hypercall_of_user_mode_is_forbidden},
    {"system_call_of_user_mode", system_call_of_user_mode},
    {"system_call_without_a_handler_is_forbidden", system_call_without_a_handler_is_forbidden},
    {"calls_by_interrupt_are_no_calls_in_64_bits", calls_by_interrupt_are_no_calls_in_64_bits},
    {"software_interrupts_go_to_their_handlers", software_interrupts_go_to_their_handlers},
    {"unwritable_stack_stops_the_partition", unwritable_stack_stops_the_partition},
    {"frame_across_a_page_is_whole", frame_across_a_page_is_whole},
    {"stack_wraps_but_no_frame_does", stack_wraps_but_no_frame_does},
    {"iret_restores_the_frame", iret_restores_the_frame},
    {"iret_goes_to_user_mode", iret_goes_to_user_mode},
    {"bad_return_stops_the_partition", bad_return_stops_the_partition},
    {"event_is_delivered_in_either_mode", event_is_delivered_in_either_mode},
    {0, 0},
};

const struct suite suite_traps_32 = {"traps_32", tests};
