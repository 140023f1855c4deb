/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds after any calls whatever, of guests of both widths: the frame table says what the
 * tables say, a refused call has changed nothing, and no return leaves user or kernel mode with
 * anything that a processor would refuse. Random, from fixed seeds.
 */
#include <string.h>

#include "books.h"
#include "check.h"
#include "fake_32.h"
#include "roots.h"

#define OFFSETS_USED 40u /* of OFFSET_FREE and on: tables and pages of the random guest */
#define HOST_COUNT 12u
#define CALL_COUNT 200u

struct random_state {
    uint64_t word;
};

static uint32_t random_below(struct random_state *random, uint32_t limit)
{
    random->word = random->word * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(random->word >> 33) % limit;
}

static uint64_t random_frame(struct random_state *random)
{
    switch (random_below(random, 12)) {
    case 0:
        return fake_frame(2, OFFSET_DATA);
    case 1:
        return random_below(random, FAKE_FRAME_COUNT + 8);
    case 2:
        return fake_frame(1, random_below(random, OFFSET_HOLE));
    default:
        return fake_frame(1, OFFSET_FREE + random_below(random, OFFSETS_USED));
    }
}

static uint64_t random_entry(struct random_state *random)
{
    static const uint64_t bits[] = {
        0,
        ENTRY_DATA,
        ENTRY_DATA,
        ENTRY_READ,
        ENTRY_CODE,
        ENTRY_TABLE,
        ENTRY_TABLE,
        ENTRY_PRESENT,
        ENTRY_DATA | ENTRY_LARGE,
        ENTRY_DATA & ~(uint64_t)ENTRY_USER,
        ENTRY_DATA | ENTRY_SOFTWARE | ENTRY_DIRTY,
    };

    return ENTRY_OF(random_frame(random),
                    bits[random_below(random, sizeof(bits) / sizeof(bits[0]))]);
}

/* A slot that has a meaning for the running root, or any. */
static uint32_t random_slot(struct random_state *random)
{
    return random_below(random, 3) == 0 ? random_below(random, TABLE_ENTRY_COUNT)
                                        : random_below(random, 5);
}

/* The guest writes into a page of its own: if it is no table. */
static void random_write(struct random_state *random)
{
    uint32_t offset = OFFSET_FREE + random_below(random, OFFSETS_USED);

    if (frame_table_level(frame_get(fake_frame(1, offset))) == 0 &&
        frame_get(fake_frame(1, offset))->owner == 1) {
        if (random_below(random, 8) == 0) {
            memset(fake_words(1, offset), 0, PAGE_SIZE_BYTES);
        }
        fake_words(1, offset)[random_slot(random)] = random_entry(random);
    }
}

struct random_call {
    uint64_t number;
    uint64_t arguments[4];
};

static struct random_call mapping_call(struct random_state *random, bool narrow)
{
    uint64_t value = random_entry(random);
    uint64_t address = GUEST_BASE + (uint64_t)(OFFSET_HOLE + random_below(random, 40)) * 0x1000;

    if (narrow) {
        return (struct random_call){HC_mapping_update, {address, (uint32_t)value, value >> 32, 0}};
    }
    return (struct random_call){HC_mapping_update, {address, value, 0, 0}};
}

static struct random_call batch_call(struct random_state *random)
{
    struct table_update *updates = fake_guest(1, GUEST_DATA);
    uint32_t count = 1 + random_below(random, 4);

    for (uint32_t index = 0; index < count; index++) {
        uint64_t table = random_below(random, 4) == 0 ? fake_frame(1, random_below(random, 4))
                                                      : random_frame(random);

        updates[index] = (struct table_update){(table << PAGE_SHIFT) + random_slot(random) * 8ull,
                                               random_entry(random)};
    }
    return (struct random_call){HC_table_update, {GUEST_DATA, count, 0, 0}};
}

static struct random_call random_call(struct random_state *random, bool narrow)
{
    switch (random_below(random, 10)) {
    case 0:
    case 1:
    case 2:
        return mapping_call(random, narrow);
    case 3:
    case 4:
        return batch_call(random);
    case 5:
    case 6:
    case 7:
        return (struct random_call){HC_table_pin,
                                    {random_frame(random), random_below(random, 6), 0, 0}};
    case 8:
        return (struct random_call){HC_table_unpin, {random_frame(random), 0, 0, 0}};
    default:
        if (random_below(random, 2) == 0) {
            return (struct random_call){
                HC_roots_set,
                {random_frame(random), random_below(random, 2) * random_frame(random), 0, 0}};
        }
        return (struct random_call){HC_frames_release, {random_frame(random), 1, 0, 0}};
    }
}

/* What failed is made again in front of a copy of the whole machine; some are enough. */
static void call_checked(struct virtual_processor *record, const struct random_call *call,
                         bool compare, uint32_t *successes)
{
    const uint64_t *arguments = call->arguments;
    int64_t result =
        fake_call(record, call->number, arguments[0], arguments[1], arguments[2], arguments[3]);

    CHECK(fake_next == record);
    CHECK(result <= 0 && result > -ERROR_COUNT);
    *successes += result == 0;
    if (result != 0 && compare) {
        CHECK(fake_refused(record, (enum error) - result, call->number, arguments[0], arguments[1],
                           arguments[2], arguments[3]));
    }
    fake_log_clear();
}

static void books_hold_after_random_calls(uint32_t width)
{
    struct random_state random = {width};
    uint32_t successes = 0;

    for (uint32_t host = 0; host < HOST_COUNT; host++) {
        struct virtual_processor *record = fake_simple_of(width);

        CHECK_EQUAL(books_differences(), 0);
        for (uint32_t count = 0; count < CALL_COUNT; count++) {
            struct random_call call;

            random_write(&random);
            random_write(&random);
            call = random_call(&random, width == 32);
            call_checked(record, &call, count % 20 == 0, &successes);
            CHECK_EQUAL(books_differences(), 0);
        }
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
        CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    }
    /* Both happen, often enough to prove something. */
    CHECK(successes > HOST_COUNT * CALL_COUNT / 10);
    CHECK(successes < HOST_COUNT * CALL_COUNT * 9 / 10);
}

static void books_hold_in_64_bits(void)
{
    books_hold_after_random_calls(64);
}

static void books_hold_in_32_bits(void)
{
    books_hold_after_random_calls(32);
}

/* What `iretq` of the exit path would refuse, or take to where no guest may be. */
static void check_loadable(const struct virtual_processor *record)
{
    const struct registers *registers = &record->registers;
    bool user = record->user_mode != 0;

    CHECK_EQUAL(registers->rflags & ~(uint64_t)RFLAGS_GUEST, RFLAGS_FIXED & ~RFLAGS_GUEST);
    if (record->width == 64) {
        CHECK_EQUAL(registers->cs, SELECTOR_GUEST_CODE_64);
        CHECK_EQUAL(registers->ss, SELECTOR_GUEST_DATA);
        CHECK(address_is_guest(registers->rip));
        CHECK(address_is_canonical(registers->rsp));
        return;
    }
    CHECK(registers->rip <= UINT32_MAX);
    CHECK(registers->rsp <= UINT32_MAX);
    CHECK_EQUAL(registers->cs, user ? SELECTOR_USER_CODE_32 : SELECTOR_KERNEL_CODE_32);
    CHECK_EQUAL(registers->ss, user ? SELECTOR_GUEST_DATA : SELECTOR_KERNEL_DATA_32);
}

/* Rubbish in the frame and in the registers of an entry: loaded as something good, or stopped. */
static void returns_are_loadable(uint32_t width)
{
    struct random_state random = {width + 1};
    uint32_t loaded = 0;

    for (uint32_t count = 0; count < 300; count++) {
        struct virtual_processor *record = fake_simple_of(width);
        uint8_t *frame = fake_guest(1, GUEST_DATA + 0x800);

        for (uint32_t offset = 0; offset < sizeof(struct trap_frame); offset++) {
            frame[offset] = (uint8_t)random_below(&random, 256);
        }
        if (width == 64 && count % 2 == 0) {
            struct trap_frame *wide = (void *)frame;

            (void)fake_user_root(record);
            wide->rip %= NOT_CANONICAL;
            wide->rsp %= NOT_CANONICAL;
        }
        record->registers.rsp = GUEST_DATA + 0x800;
        (void)fake_call(record, HC_iret, 0, 0, 0, 0);
        if (fake_partition(1)->state == PARTITION_RUNNING) {
            loaded++;
            check_loadable(record);
        } else {
            CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_bad_return);
        }
    }
    CHECK_EQUAL(loaded, width == 32 ? 300 : 150);
}

static void entries_are_loadable(uint32_t width)
{
    struct random_state random = {width + 2};

    for (uint32_t count = 0; count < 300; count++) {
        struct virtual_processor *record = fake_simple_of(width);
        uint32_t vector = random_below(&random, TRAP_VECTOR_LIMIT);
        uint8_t *registers = (void *)&record->registers;

        for (uint32_t offset = 0; offset < sizeof(record->registers); offset++) {
            registers[offset] = (uint8_t)random_below(&random, 256);
        }
        /* What the processor itself keeps right: a 64-bit guest's code and stack addresses. */
        record->registers.rip = width == 32 ? record->registers.rip : GUEST_HANDLER;
        record->registers.rsp = GUEST_STACK_TOP - random_below(&random, 0x1000);
        fake_handler_set(1, vector, 0, GUEST_HANDLER);
        (void)fake_enter(record, vector, random.word);
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
        CHECK_EQUAL(record->user_mode, 0);
        check_loadable(record);
        /* And it comes back through its own frame as what it was, as far as it may be. */
        (void)fake_call(record, HC_iret, 0, 0, 0, 0);
        CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
        check_loadable(record);
    }
}

static void returns_are_loadable_in_both_widths(void)
{
    returns_are_loadable(64);
    returns_are_loadable(32);
}

static void entries_are_loadable_in_both_widths(void)
{
    entries_are_loadable(64);
    entries_are_loadable(32);
}

static const struct test tests[] = {
    {"books_hold_in_64_bits", books_hold_in_64_bits},
    {"books_hold_in_32_bits", books_hold_in_32_bits},
    {"returns_are_loadable_in_both_widths", returns_are_loadable_in_both_widths},
    {"entries_are_loadable_in_both_widths", entries_are_loadable_in_both_widths},
    {0, 0},
};

const struct suite suite_properties = {"properties", tests};
