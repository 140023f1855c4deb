/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a 32-bit sibling begins: every register that its context names, no selector it may not. */
#include <string.h>

#include "check.h"
#include "fake_32.h"

#define CONTEXT (GUEST_DATA + 0x40)
#define DATA_RING_3 0x00cff3000000ffffull

enum { CS, SS, DS, ES, FS, GS, SELECTOR_COUNT };

static struct processor_context_32 *context(void)
{
    struct processor_context_32 *context = fake_guest(1, CONTEXT);

    *context = (struct processor_context_32){
        .edi = 0xf0000001,
        .esi = 0xf0000002,
        .ebp = 0xf0000003,
        .esp = 0xf0000004,
        .ebx = 0xf0000005,
        .edx = 0xf0000006,
        .ecx = 0xf0000007,
        .eax = 0xf0000008,
        .eip = 0xffffffff,
        .eflags = ~0u,
        .cs = SELECTOR_KERNEL_CODE_32,
        .ss = SELECTOR_KERNEL_DATA_32,
        .ds = SELECTOR_KERNEL_DATA_32,
        .es = SELECTOR_GUEST_DATA,
        .fs = 0,
        .gs = 3,
        .kernel_root_frame = fake_frame(1, OFFSET_L3),
    };
    return context;
}

static int64_t start_call(struct virtual_processor *caller)
{
    return fake_call(caller, HC_processor_start, 1, CONTEXT, 0, 0);
}

static bool start_refused(struct virtual_processor *caller, enum error error)
{
    return fake_refused(caller, error, HC_processor_start, 1, CONTEXT, 0, 0);
}

static uint32_t *selector_field(struct processor_context_32 *context, uint32_t number)
{
    return &context->cs + number;
}

/* Stopped, and left by its processor. */
static void sibling_stop(struct virtual_processor *caller)
{
    CHECK_EQUAL(fake_call(caller, HC_processor_stop, 1, 0, 0, 0), 0);
    (void)fake_enter(record_get(1), ENTRY_KICK, 0);
    (void)fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0);
}

static void start_begins_a_sibling(void)
{
    struct virtual_processor *caller = fake_smp_of(32, 2);
    struct virtual_processor *target = record_get(1);
    struct registers expected;

    memset(&target->registers, 0x77, sizeof(target->registers));
    memset(target->descriptors, 0x77, sizeof(target->descriptors));
    target->user_mode = 1;
    (void)fake_call(caller, HC_callback_set, CALLBACK_system_call, GUEST_HANDLER, 0, 0);
    (void)context();
    CHECK_EQUAL(start_call(caller), 0);
    memset(&expected, 0, sizeof(expected));
    expected.rdi = 0xf0000001;
    expected.rsi = 0xf0000002;
    expected.rbp = 0xf0000003;
    expected.rsp = 0xf0000004;
    expected.rbx = 0xf0000005;
    expected.rdx = 0xf0000006;
    expected.rcx = 0xf0000007;
    expected.rax = 0xf0000008;
    expected.rip = 0xffffffff;
    expected.rflags = 0x240fd7;
    expected.cs = SELECTOR_KERNEL_CODE_32;
    expected.ss = SELECTOR_KERNEL_DATA_32;
    CHECK(memcmp(&target->registers, &expected, sizeof(expected)) == 0);
    CHECK_EQUAL(target->selectors, 0x00030000002b0039);
    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        CHECK_EQUAL(target->descriptors[index], 0);
    }
    CHECK_EQUAL(target->state, VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK_EQUAL(target->width, 32);
    CHECK_EQUAL(target->user_mode, 0);
    CHECK_EQUAL(target->kernel_stack_top, 0xf0000004);
    CHECK_EQUAL(target->callbacks[CALLBACK_system_call], GUEST_HANDLER);
    CHECK_EQUAL(target->kernel_root_frame, fake_frame(1, OFFSET_L3));
    CHECK_EQUAL(target->root_address, MONITOR_ROOTS_ADDRESS + 0x1000);
    CHECK_EQUAL(fake_shared(1, 1)->events_masked, 1);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_L3))->type_count, 3);
    CHECK_EQUAL(fake_log_get(FAKE_KICK, 0).values[0], 1);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA) & (ENTRY_ACCESSED | ENTRY_DIRTY), ENTRY_ACCESSED);
    CHECK(fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0) == target);
    CHECK_EQUAL(fake_selectors[1], 0x00030000002b0039);
}

static void selectors_are_checked(void)
{
    static const uint32_t good[SELECTOR_COUNT][6] = {
        [CS] = {SELECTOR_KERNEL_CODE_32},
        [SS] = {SELECTOR_KERNEL_DATA_32},
        [DS] = {0, 1, 2, 3, SELECTOR_KERNEL_DATA_32, SELECTOR_GUEST_DATA},
        [ES] = {0, 1, 2, 3, SELECTOR_KERNEL_DATA_32, SELECTOR_GUEST_DATA},
        [FS] = {0, 1, 2, 3, SELECTOR_KERNEL_DATA_32, SELECTOR_GUEST_DATA},
        [GS] = {0, 1, 2, 3, SELECTOR_KERNEL_DATA_32, SELECTOR_GUEST_DATA},
    };
    struct virtual_processor *caller = fake_smp_of(32, 2);
    uint32_t started = 0;

    for (uint32_t number = 0; number < SELECTOR_COUNT; number++) {
        uint32_t good_count = number <= SS ? 1 : 6;

        for (uint32_t value = 0; value < 0x140; value++) {
            bool expected = false;

            for (uint32_t index = 0; index < good_count; index++) {
                expected |= good[number][index] == value;
            }
            *selector_field(context(), number) = value;
            if (expected) {
                CHECK_EQUAL(start_call(caller), 0);
                sibling_stop(caller);
                started++;
            } else {
                CHECK_EQUAL(start_call(caller), -ERROR_invalid_argument);
            }
        }
    }
    CHECK_EQUAL(started, 26);
}

/* All 32 bits are looked at; a refusal leaves everything bit-identical. */
static void bad_selectors_change_nothing(void)
{
    static const uint32_t bad[] = {
        SELECTOR_MONITOR_CODE,
        SELECTOR_MONITOR_DATA,
        SELECTOR_USER_CODE_32,
        SELECTOR_GUEST_CODE_64,
        SELECTOR_GUEST_FIRST | 1,
        SELECTOR_GUEST_FIRST | 3,
        TASK_SELECTOR_FIRST,
        SELECTOR_GUEST_DATA | 4,
        4,
        0x10000,
        0x10000 | SELECTOR_GUEST_DATA,
        0x80000000,
        SELECTOR_KERNEL_CODE_32 - 1,
        SELECTOR_KERNEL_DATA_32 - 1,
        SELECTOR_KERNEL_DATA_32 + 2,
    };
    struct virtual_processor *caller = fake_smp_of(32, 2);

    /* The caller's own descriptor is not the sibling's. */
    CHECK_EQUAL(
        fake_call(caller, HC_descriptor_set, 0, (uint32_t)DATA_RING_3, DATA_RING_3 >> 32, 0), 0);
    for (uint32_t number = 0; number < SELECTOR_COUNT; number++) {
        for (uint32_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
            *selector_field(context(), number) = bad[index];
            CHECK(start_refused(caller, ERROR_invalid_argument));
        }
    }
    context()->ss = SELECTOR_GUEST_DATA;
    CHECK(start_refused(caller, ERROR_invalid_argument));
    context()->ss = 0;
    CHECK(start_refused(caller, ERROR_invalid_argument));
    context()->cs = 0;
    CHECK(start_refused(caller, ERROR_invalid_argument));
}

static void start_refuses(void)
{
    struct virtual_processor *caller = fake_smp_of(32, 2);

    (void)context();
    CHECK(fake_refused(caller, ERROR_not_found, HC_processor_start, 2, CONTEXT, 0, 0));
    CHECK(fake_refused(caller, ERROR_wrong_state, HC_processor_start, 0, CONTEXT, 0, 0));
    CHECK(fake_refused(caller, ERROR_fault, HC_processor_start, 1, GUEST_HOLE - 71, 0, 0));
    CHECK(fake_refused(caller, ERROR_fault, HC_processor_start, 1, GUEST_HOLE, 0, 0));
    CHECK(fake_refused(caller, ERROR_fault, HC_processor_start, 1, 0xfffffff8, 0, 0));
    context()->kernel_root_frame = fake_frame(1, OFFSET_L2);
    CHECK(start_refused(caller, ERROR_type_conflict));
    context()->kernel_root_frame = fake_frame(1, OFFSET_L4);
    CHECK(start_refused(caller, ERROR_type_conflict));
    context()->kernel_root_frame = fake_frame(2, OFFSET_L3);
    CHECK(start_refused(caller, ERROR_not_owner));
    context()->kernel_root_frame = 0;
    CHECK(start_refused(caller, ERROR_not_owner));
    /* A frame number has 64 bits here: no upper half is lost. */
    context()->kernel_root_frame = 1ull << 32 | fake_frame(1, OFFSET_L3);
    CHECK(start_refused(caller, ERROR_not_owner));
    context()->kernel_root_frame = ~0ull;
    CHECK(start_refused(caller, ERROR_not_owner));
    (void)context();
    CHECK_EQUAL(start_call(caller), 0);
    CHECK(start_refused(caller, ERROR_wrong_state));
    CHECK_EQUAL(fake_call(caller, HC_processor_stop, 1, 0, 0, 0), 0);
    CHECK_EQUAL(start_call(caller), 0); /* no processor has run it */
    (void)fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0);
    CHECK_EQUAL(fake_call(caller, HC_processor_stop, 1, 0, 0, 0), 0);
    CHECK(start_refused(caller, ERROR_busy));
}

/* What it had is gone: descriptors, selectors, mode. */
static void start_again_begins_afresh(void)
{
    struct virtual_processor *caller = fake_smp_of(32, 2);
    struct virtual_processor *target = record_get(1);
    const uint64_t *table = machine_pointer(DESCRIPTOR_TABLES_ADDRESS + 0x1000);

    (void)context();
    CHECK_EQUAL(start_call(caller), 0);
    CHECK(fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0) == target);
    CHECK_EQUAL(
        fake_call(target, HC_descriptor_set, 5, (uint32_t)DATA_RING_3, DATA_RING_3 >> 32, 0), 0);
    fake_selectors[1] = SELECTOR_GUEST_FIRST + 5 * 8 + 3;
    target->registers.cs = SELECTOR_USER_CODE_32;
    fake_times[1] = 10;
    (void)fake_enter(target, ENTRY_TIMER, 0);
    CHECK_EQUAL(target->user_mode, 1);
    sibling_stop(caller);
    CHECK_EQUAL(table[SELECTOR_GUEST_FIRST / 8 + 5], DATA_RING_3); /* of who ran last */
    context()->fs = SELECTOR_GUEST_FIRST + 5 * 8 + 3;
    CHECK(start_refused(caller, ERROR_invalid_argument));
    (void)context();
    CHECK_EQUAL(start_call(caller), 0);
    CHECK_EQUAL(target->user_mode, 0);
    CHECK_EQUAL(target->descriptors[5], 0);
    CHECK(fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0) == target);
    CHECK_EQUAL(table[SELECTOR_GUEST_FIRST / 8 + 5], 0);
    CHECK_EQUAL(fake_selectors[1], 0x00030000002b0039);
}

static bool data_is_good(uint32_t selector)
{
    return selector < 4 || selector == 0x39 || selector == 0x2b;
}

/* Random selectors, most of them near to good: accepted when every one is, and only then. */
static void random_contexts_are_all_or_nothing(void)
{
    static const uint32_t pool[] = {0x19, 0x39, 0x39, 0x39, 0x2b, 0x2b, 0,    0,
                                    3,    1,    0x39, 0x2b, 0x23, 4,    0xc3, 0x1002b};
    struct virtual_processor *caller = fake_smp_of(32, 2);
    uint64_t random = 16;
    uint32_t accepted = 0;

    for (uint32_t count = 0; count < 3000; count++) {
        struct processor_context_32 *wanted = context();
        bool good;

        for (uint32_t number = DS; number < SELECTOR_COUNT; number++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            *selector_field(wanted, number) = pool[random >> 60];
        }
        good = data_is_good(wanted->ds) && data_is_good(wanted->es) && data_is_good(wanted->fs) &&
               data_is_good(wanted->gs);
        CHECK_EQUAL(start_call(caller), good ? 0 : -ERROR_invalid_argument);
        if (good) {
            accepted++;
            CHECK_EQUAL(record_get(1)->selectors, wanted->ds | (uint64_t)wanted->es << 16 |
                                                      (uint64_t)wanted->fs << 32 |
                                                      (uint64_t)wanted->gs << 48);
            sibling_stop(caller);
        }
    }
    CHECK(accepted > 300 && accepted < 2700);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_L3))->type_count, 2);
}

static const struct test tests[] = {
    {"start_begins_a_sibling", start_begins_a_sibling},
    {"selectors_are_checked", selectors_are_checked},
    {"bad_selectors_change_nothing", bad_selectors_change_nothing},
    {"start_refuses", start_refuses},
    {"start_again_begins_afresh", start_again_begins_afresh},
    {"random_contexts_are_all_or_nothing", random_contexts_are_all_or_nothing},
    {0, 0},
};

const struct suite suite_contexts_32 = {"contexts_32", tests};
