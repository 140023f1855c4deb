/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments: what a 32-bit guest may have of its own, and what each width finds in the table. */
#include <string.h>

#include "check.h"
#include "descriptors.h"
#include "fake_32.h"

#define DATA_RING_1 0x00cfb3000000ffffull
#define DATA_RING_3 0x00cff3000000ffffull
#define CODE_RING_1 0x00cfbb000000ffffull
#define CODE_RING_3 0x00cffb000000ffffull
#define CODE_64 0x00affb000000ffffull
#define ACCESSED (1ull << 40)
#define OWN_FIRST (SELECTOR_GUEST_FIRST / 8)

static uint64_t *table_of(uint32_t processor)
{
    return machine_pointer(DESCRIPTOR_TABLES_ADDRESS + processor * 0x1000ull);
}

static int64_t set_call(struct virtual_processor *record, uint64_t index, uint64_t value)
{
    return fake_call(record, HC_descriptor_set, index, (uint32_t)value, value >> 32, ~0u);
}

static bool set_refused(struct virtual_processor *record, enum error error, uint64_t index,
                        uint64_t value)
{
    return fake_refused(record, error, HC_descriptor_set, index, (uint32_t)value, value >> 32, ~0u);
}

/* Access is bits 40 to 47: accessed, writable, expand-down, code, segment, DPL, present. */
static uint64_t descriptor(uint64_t access, uint64_t flags, uint64_t base)
{
    return 0xffff | (base & 0xffffff) << 16 | access << 40 | 0xfull << 48 | flags << 52 |
           (base >> 24) << 56;
}

static void data_segments_are_accepted(void)
{
    struct virtual_processor *record = fake_simple_32();

    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        for (uint64_t bits = 0; bits < 8; bits++) {
            for (uint64_t level = 1; level <= 3; level += 2) {
                uint64_t value = descriptor(0x90 | level << 5 | bits, bits % 2 == 0 ? 0xc : 0x5,
                                            0x89abcdef - index);

                CHECK_EQUAL(set_call(record, index, value), 0);
                CHECK(fake_next == record);
                /* Accessed already: the processor never writes into the table. */
                CHECK_EQUAL(record->descriptors[index], value | ACCESSED);
                CHECK_EQUAL(table_of(0)[OWN_FIRST + index], value | ACCESSED);
                CHECK_EQUAL(descriptor_of(record, SELECTOR_GUEST_FIRST + index * 8 + 1),
                            value | ACCESSED);
                CHECK_EQUAL(descriptor_base(value), 0x89abcdef - index);
                CHECK_EQUAL(descriptor_level(value), level);
            }
        }
    }
    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        CHECK_EQUAL(set_call(record, index, 0), 0);
        CHECK_EQUAL(record->descriptors[index], 0);
        CHECK_EQUAL(table_of(0)[OWN_FIRST + index], 0);
    }
    CHECK_EQUAL(fake_log_total(), 0);
}

static void everything_else_is_refused(void)
{
    static const uint64_t bad[] = {
        1,                   /* nothing: not present */
        CODE_RING_1,         /* code: executable */
        CODE_RING_3,         /* even the monitor's own */
        CODE_64,             /* code of 64 bits */
        0x00cffe000000ffffull, /* conforming code */
        0x00eff3000000ffffull, /* data with the bit that makes code 64 bits wide */
        0x00cf93000000ffffull, /* data of ring 0 */
        0x00cfd3000000ffffull, /* data of ring 2 */
        0x00cf73000000ffffull, /* data that is not present */
        0x0000e20000000000ull, /* a local table */
        0x0000e90000000067ull, /* a task state */
        0x0000eb0000000067ull, /* a busy one */
        0x0000ec0000330000ull, /* a call gate */
        0x0000ee0000330000ull, /* an interrupt gate */
        0x0000ef0000330000ull, /* a trap gate */
        0x0000e50000330000ull, /* a task gate */
        ~0ull,
    };
    struct virtual_processor *record = fake_simple_32();

    CHECK_EQUAL(set_call(record, 0, DATA_RING_3), 0);
    for (uint32_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        CHECK(set_refused(record, ERROR_invalid_argument, 0, bad[index]));
        CHECK(set_refused(record, ERROR_invalid_argument, DESCRIPTOR_LIMIT - 1, bad[index]));
    }
    CHECK(set_refused(record, ERROR_limit, DESCRIPTOR_LIMIT, 0));
    CHECK(set_refused(record, ERROR_limit, DESCRIPTOR_LIMIT, DATA_RING_3));
    CHECK(set_refused(record, ERROR_limit, 0xffffffff, DATA_RING_3));
    /* The refused one is not set: the first still is. */
    CHECK_EQUAL(table_of(0)[OWN_FIRST], DATA_RING_3);
}

/* Written down once more, by the fields of the processor's manual. */
static bool is_data_of_a_guest(uint64_t value)
{
    uint32_t access = value >> 40 & 0xff;
    bool present = (access & 0x80) != 0;
    bool segment = (access & 0x10) != 0;
    bool code = (access & 0x08) != 0;
    uint32_t level = access >> 5 & 3;
    bool wide = (value >> 53 & 1) != 0;

    return present && segment && !code && !wide && (level == 1 || level == 3);
}

static void random_descriptors_are_what_they_say(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t random = 32;
    uint32_t accepted = 0;

    for (uint32_t count = 0; count < 20000; count++) {
        uint64_t value;
        bool good;

        random = random * 6364136223846793005ull + 1442695040888963407ull;
        value = random ^ random >> 32;
        good = is_data_of_a_guest(value);
        accepted += good;
        CHECK_EQUAL(set_call(record, count % DESCRIPTOR_LIMIT, value),
                    good ? 0 : -ERROR_invalid_argument);
        if (good) {
            CHECK_EQUAL(record->descriptors[count % DESCRIPTOR_LIMIT], value | ACCESSED);
        }
    }
    CHECK(accepted > 500 && accepted < 19500);
    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        CHECK(is_data_of_a_guest(record->descriptors[index]));
        CHECK_EQUAL(table_of(0)[OWN_FIRST + index], record->descriptors[index]);
    }
}

/* Every segment register, every pair of rings, the descriptor that changed and its neighbour. */
static void segment_registers_follow(void)
{
    struct virtual_processor *record = fake_simple_32();

    for (uint32_t shift = 0; shift < 64; shift += 16) {
        for (uint64_t ring = 0; ring <= 3; ring++) {
            for (uint64_t level = 1; level <= 3; level += 2) {
                uint64_t selector = SELECTOR_GUEST_FIRST + 3 * 8 + ring;
                uint64_t others = 0x0003003900c1002bull & ~(0xffffull << shift);

                CHECK_EQUAL(set_call(record, 3, DATA_RING_3), 0);
                fake_selectors[0] = others | selector << shift;
                CHECK_EQUAL(set_call(record, 3, level == 1 ? DATA_RING_1 : DATA_RING_3), 0);
                CHECK_EQUAL(fake_selectors[0], level < ring ? others : others | selector << shift);
                CHECK_EQUAL(record->selectors, fake_selectors[0]);
                fake_selectors[0] = others | selector << shift;
                CHECK_EQUAL(set_call(record, 4, 0), 0);
                CHECK_EQUAL(fake_selectors[0], others | selector << shift);
                CHECK_EQUAL(set_call(record, 3, 0), 0);
                CHECK_EQUAL(fake_selectors[0], others);
            }
        }
    }
}

/* A selector of the local table, of which there is none, names nothing that could follow. */
static void local_selectors_name_nothing(void)
{
    struct virtual_processor *record = fake_simple_32();
    uint64_t local = SELECTOR_GUEST_FIRST | 4 | 3;

    CHECK_EQUAL(set_call(record, 0, DATA_RING_3), 0);
    CHECK_EQUAL(descriptor_of(record, SELECTOR_GUEST_FIRST | 3), DATA_RING_3);
    CHECK_EQUAL(descriptor_of(record, SELECTOR_GUEST_FIRST | 4 | 3), 0);
    CHECK_EQUAL(descriptor_of(record, SELECTOR_GUEST_DATA | 4), 0);
    fake_selectors[0] = local;
    CHECK_EQUAL(set_call(record, 0, 0), 0);
    CHECK_EQUAL(fake_selectors[0], local);
}

/* What of the table is a guest's: the flat ones between code and data, and its own. */
static void check_table(const struct virtual_processor *record)
{
    const uint64_t *table = table_of(record->processor);
    bool narrow = record->width == 32;
    const uint64_t flat[] = {
        narrow ? CODE_RING_1 : 0, narrow ? CODE_RING_3 : 0, DATA_RING_3,
        narrow ? 0 : CODE_64,     narrow ? DATA_RING_1 : 0,
    };

    for (uint32_t index = 0; index < 5; index++) {
        CHECK_EQUAL(table[index + 3], flat[index]);
        CHECK_EQUAL(descriptor_of(record, (index + 3) * 8 + 1), flat[index]);
    }
    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        CHECK_EQUAL(table[OWN_FIRST + index], record->descriptors[index]);
        CHECK(narrow || table[OWN_FIRST + index] == 0);
    }
    for (uint32_t index = 0; index < PAGE_SIZE_BYTES / 8; index++) {
        bool guests = (index >= 3 && index <= 7) ||
                      (index >= OWN_FIRST && index < OWN_FIRST + DESCRIPTOR_LIMIT);

        CHECK(guests || table[index] == 0x1111111111111111u * (index % 15));
        CHECK(guests || descriptor_of(record, index * 8) == 0);
    }
}

/* One processor, partitions of 32, 64, 32 and 64 bits with a slot of 1000 cycles each. */
static struct virtual_processor *alternating_host(void)
{
    static const uint32_t widths[4] = {32, 64, 32, 64};
    static const uint32_t processors[1] = {0};

    fake_reset(1);
    for (uint32_t index = 0; index < 4; index++) {
        fake_width_set(fake_partition_add(RIGHT_ALL, 1, processors), widths[index]);
        fake_slot_add(0, index, 1000, 0);
    }
    for (uint32_t index = 0; index < PAGE_SIZE_BYTES / 8; index++) {
        table_of(0)[index] = 0x1111111111111111u * (index % 15);
    }
    monitor_start();
    fake_next = fake_first(0);
    return fake_next;
}

static struct virtual_processor *next_slot(void)
{
    fake_times[0] += 1000;
    return fake_enter(fake_next, ENTRY_TIMER, 0);
}

static void table_is_of_who_runs(void)
{
    struct virtual_processor *first = alternating_host();

    check_table(first);
    CHECK_EQUAL(set_call(first, 0, DATA_RING_3), 0);
    CHECK_EQUAL(set_call(first, 7, DATA_RING_1), 0);
    fake_selectors[0] = SELECTOR_GUEST_FIRST | 3;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t id = 1; id <= 4; id++) {
            CHECK_EQUAL(next_slot()->id, id % 4);
            check_table(fake_next);
            CHECK_EQUAL(monitor_state()->processors[0].descriptors_width, fake_next->width);
            if (id == 2 && round == 1) {
                CHECK_EQUAL(set_call(fake_next, 3, DATA_RING_3), 0);
            }
        }
        CHECK_EQUAL(table_of(0)[OWN_FIRST], DATA_RING_3);
        CHECK_EQUAL(table_of(0)[OWN_FIRST + 7], DATA_RING_1);
        CHECK_EQUAL(table_of(0)[OWN_FIRST + 3], 0);
        CHECK_EQUAL(fake_selectors[0], SELECTOR_GUEST_FIRST | 3);
    }
    CHECK_EQUAL(record_get(2)->descriptors[3], DATA_RING_3);
}

/* From one 64-bit guest to another nothing is written: it stays the shortest world switch. */
static void table_is_left_alone_between_64_bit_guests(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(monitor_state()->processors[0].descriptors_width, 64);
    table_of(0)[3] = 0x1234;
    table_of(0)[OWN_FIRST] = 0x1234;
    fake_times[0] = 1000;
    CHECK_EQUAL(fake_enter(record, ENTRY_TIMER, 0)->id, 1);
    CHECK_EQUAL(table_of(0)[3], 0x1234);
    CHECK_EQUAL(table_of(0)[OWN_FIRST], 0x1234);
}

static void every_processor_has_its_table(void)
{
    struct virtual_processor *record = fake_smp_of(32, 2);
    struct processor_context_32 *context = fake_guest(1, GUEST_DATA);

    memset(context, 0, sizeof(*context));
    context->cs = SELECTOR_KERNEL_CODE_32;
    context->ss = SELECTOR_KERNEL_DATA_32;
    context->kernel_root_frame = fake_frame(1, OFFSET_L3);
    CHECK_EQUAL(set_call(record, 2, DATA_RING_1), 0);
    CHECK_EQUAL(table_of(0)[OWN_FIRST + 2], DATA_RING_1);
    CHECK_EQUAL(table_of(1)[OWN_FIRST + 2], 0);
    CHECK_EQUAL(table_of(1)[SELECTOR_USER_CODE_32 / 8], 0); /* nobody has run there */
    CHECK_EQUAL(fake_call(record, HC_processor_start, 1, GUEST_DATA, 0, 0), 0);
    (void)fake_enter(record_get(IDLE_ID_FIRST + 1), ENTRY_KICK, 0);
    CHECK_EQUAL(table_of(1)[SELECTOR_USER_CODE_32 / 8], CODE_RING_3);
    CHECK_EQUAL(table_of(1)[OWN_FIRST + 2], 0);
    CHECK_EQUAL(set_call(fake_next, 2, DATA_RING_3), 0);
    CHECK_EQUAL(table_of(0)[OWN_FIRST + 2], DATA_RING_1);
    CHECK_EQUAL(table_of(1)[OWN_FIRST + 2], DATA_RING_3);
}

static void fresh_selectors_are_few(void)
{
    uint32_t fresh = 0;

    for (uint32_t selector = 0; selector <= 0xffff; selector++) {
        fresh += descriptor_selector_is_fresh(selector);
    }
    CHECK_EQUAL(fresh, 6);
    for (uint32_t selector = 0; selector <= 3; selector++) {
        CHECK(descriptor_selector_is_fresh(selector));
    }
    CHECK(descriptor_selector_is_fresh(SELECTOR_KERNEL_DATA_32));
    CHECK(descriptor_selector_is_fresh(SELECTOR_GUEST_DATA));
    CHECK(!descriptor_selector_is_fresh(0x10000));
    CHECK(!descriptor_selector_is_fresh(0x10000 | SELECTOR_GUEST_DATA));
}

static const struct test tests[] = {
    {"data_segments_are_accepted", data_segments_are_accepted},
    {"everything_else_is_refused", everything_else_is_refused},
    {"random_descriptors_are_what_they_say", random_descriptors_are_what_they_say},
    {"segment_registers_follow", segment_registers_follow},
    {"local_selectors_name_nothing", local_selectors_name_nothing},
    {"table_is_of_who_runs", table_is_of_who_runs},
    {"table_is_left_alone_between_64_bit_guests", table_is_left_alone_between_64_bit_guests},
    {"every_processor_has_its_table", every_processor_has_its_table},
    {"fresh_selectors_are_few", fresh_selectors_are_few},
    {0, 0},
};

const struct suite suite_descriptors = {"descriptors", tests};
