/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dispatcher, rights, and the calls that are a file of their own. */
#include <string.h>

#include "check.h"
#include "fake.h"

static const uint32_t rights[HYPERCALL_COUNT] = {
#define HYPERCALL(number, name, right, arguments, sentence) [number] = RIGHT_##right,
#include "hypercalls.def"
#undef HYPERCALL
};

static void unknown_numbers_are_refused(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK(fake_refused(record, ERROR_no_such_call, HYPERCALL_COUNT, 0, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_no_such_call, ~0ull, 0, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_no_such_call, 1ull << 32, 0, 0, 0, 0));
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), ABI_VERSION);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_version], 1);
}

/* Whatever its arguments: a call whose right is missing does nothing. Others do not need it. */
static void every_right_is_needed_by_its_calls(void)
{
    struct virtual_processor *record = fake_simple();
    uint32_t refused = 0;

    for (uint32_t number = 0; number < HYPERCALL_COUNT; number++) {
        if (rights[number] != RIGHT_none) {
            fake_view()->partitions[1].rights = RIGHT_ALL & ~rights[number];
            CHECK(fake_refused(record, ERROR_not_permitted, number, 0, 0, 0, 0));
            fake_view()->partitions[1].rights = rights[number];
            CHECK(fake_call(record, number, 0, 0, 0, 0) != -ERROR_not_permitted);
            CHECK_EQUAL(fake_partition(1)->counters.hypercalls[number], 1);
            refused++;
            record = fake_simple();
        }
    }
    CHECK_EQUAL(refused, 14);
    fake_view()->partitions[1].rights = RIGHT_none;
    CHECK_EQUAL(fake_call(record, HC_version, 0, 0, 0, 0), ABI_VERSION);
}

static void failed_calls_are_counted(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_table_pin, 0, 9, 0, 0), -ERROR_invalid_argument);
    CHECK_EQUAL(fake_partition(1)->counters.hypercalls[HC_table_pin], 1);
}

static void console_takes_up_to_its_limit(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_console_write, GUEST_DATA + 1, CONSOLE_LIMIT, 0, 0),
                CONSOLE_LIMIT);
    CHECK_EQUAL(fake_console_output_size, CONSOLE_LIMIT);
    CHECK(fake_refused(record, ERROR_limit, HC_console_write, GUEST_DATA, CONSOLE_LIMIT + 1, 0, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_console_read, GUEST_DATA, CONSOLE_LIMIT + 1, 0, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_console_write, GUEST_DATA, ~0ull, 0, 0));
}

static void console_is_read_by_pages(void)
{
    struct virtual_processor *record = fake_simple();
    uint64_t edge = GUEST_DATA + PAGE_SIZE_BYTES - 4;

    for (uint32_t index = 0; index < 100; index++) {
        fake_console_input[index] = (uint8_t)index;
    }
    fake_console_input_size = 10;
    CHECK_EQUAL(fake_call(record, HC_console_read, edge, 100, 0, 0), 10);
    CHECK_EQUAL(((uint8_t *)fake_guest(1, edge))[3], 3);
    CHECK_EQUAL(((uint8_t *)fake_guest(1, edge))[9], 9);
    CHECK_EQUAL(((uint8_t *)fake_guest(1, edge))[10], 0);
    CHECK_EQUAL(fake_log_count(FAKE_CONSOLE_READ), 2);
    CHECK_EQUAL(fake_call(record, HC_console_read, edge, 100, 0, 0), 0);
    CHECK_EQUAL(fake_log_count(FAKE_CONSOLE_READ), 3); /* what is short ends it */
}

static void exit_keeps_code_and_reason(void)
{
    struct virtual_processor *record = fake_simple();
    const struct stop_record *stop = &fake_partition(1)->stop;
    char *text = fake_guest(1, GUEST_DATA);

    memset(text, 'x', 200);
    memcpy(text, "a\nb\x1b[31m\x7f\xff~ ", 12);
    CHECK(
        fake_refused(record, ERROR_limit, HC_partition_exit, 7, GUEST_DATA, EXIT_REASON_LIMIT, 0));
    CHECK(fake_refused(record, ERROR_limit, HC_partition_exit, 7, GUEST_DATA, ~0ull, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_partition_exit, 7, GUEST_HOLE, 1, 0));
    (void)fake_call(record, HC_partition_exit, 0x123456789, GUEST_DATA, EXIT_REASON_LIMIT - 1, 0);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(stop->reason, STOP_exit);
    CHECK_EQUAL(stop->exit_code, 0x123456789);
    CHECK(memcmp(stop->text, "a?b?[31m??~ xxx", 15) == 0);
    CHECK_EQUAL(strlen(stop->text), EXIT_REASON_LIMIT - 1);
    CHECK_EQUAL(fake_next->id, IDLE_ID_FIRST);
    CHECK_EQUAL(monitor_state()->running_partitions, 1);
}

static void bases_are_set_and_read(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_base_set, BASE_fs, 0x1000, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_base_set, BASE_gs_kernel, 0xffff888000000000, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_base_set, BASE_gs_user, 0x7fffffffffff, 0, 0), 0);
    CHECK_EQUAL(fake_bases[0].fs, 0x1000);
    CHECK_EQUAL(fake_bases[0].gs, 0xffff888000000000);
    CHECK_EQUAL(record->gs_base_other, 0x7fffffffffff);
    /* Changed by the guest's own instructions: what the record says is old. */
    fake_bases[0] = (struct fake_bases){0x3000, 0x4000};
    CHECK_EQUAL(fake_call(record, HC_base_get, BASE_fs, 0, 0, 0), 0x3000);
    CHECK_EQUAL(fake_call(record, HC_base_get, BASE_gs_kernel, 0, 0, 0), 0x4000);
    CHECK_EQUAL(fake_call(record, HC_base_set, BASE_fs, 0x1000, 0, 0), 0);
    CHECK_EQUAL(fake_bases[0].gs, 0x4000);
    CHECK_EQUAL(fake_call(record, HC_base_set, BASE_gs_kernel, 0xffff888000000000, 0, 0), 0);
    CHECK_EQUAL(fake_call(record, HC_base_get, BASE_fs, 0, 0, 0), 0x1000);
    CHECK_EQUAL(fake_call(record, HC_base_get, BASE_gs_kernel, 0, 0, 0), 0xffff888000000000);
    CHECK_EQUAL(fake_call(record, HC_base_get, BASE_gs_user, 0, 0, 0), 0x7fffffffffff);
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_base_get, BASE_COUNT, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_base_set, BASE_COUNT, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_base_set, BASE_fs, NOT_CANONICAL, 0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_base_set, BASE_fs, MONITOR_SLOTS_ADDRESS,
                       0, 0));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_base_set, BASE_fs, 0xffff87ffffffffff, 0,
                       0));
}

static void view_is_shown_to_its_owner(void)
{
    struct virtual_processor *record = fake_simple();
    struct view_body *body = fake_view();

    fake_link_add(1, 20, 2, 21, 0);
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_partition, 0, GUEST_DATA,
                          sizeof(struct view_partition)),
                sizeof(struct view_partition));
    CHECK(memcmp(fake_guest(1, GUEST_DATA), &body->partitions[1], sizeof(struct view_partition)) ==
          0);
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_link, 1, GUEST_DATA, 4096),
                sizeof(struct view_link));
    CHECK(memcmp(fake_guest(1, GUEST_DATA), &body->links[2], sizeof(struct view_link)) == 0);
    CHECK(fake_refused(record, ERROR_not_found, HC_view_get, VIEW_RECORD_partition, 1, GUEST_DATA,
                       4096));
    CHECK(fake_refused(record, ERROR_not_found, HC_view_get, VIEW_RECORD_extent, 1, GUEST_DATA,
                       4096));
    CHECK(
        fake_refused(record, ERROR_not_found, HC_view_get, VIEW_RECORD_link, 2, GUEST_DATA, 4096));
    CHECK(fake_refused(record, ERROR_not_found, HC_view_get, VIEW_RECORD_link, ~0ull, GUEST_DATA,
                       4096));
    CHECK(fake_refused(record, ERROR_invalid_argument, HC_view_get, VIEW_RECORD_COUNT, 0,
                       GUEST_DATA, 4096));
    CHECK(fake_refused(record, ERROR_limit, HC_view_get, VIEW_RECORD_extent, 0, GUEST_DATA,
                       sizeof(struct view_extent) - 1));
    CHECK(fake_refused(record, ERROR_fault, HC_view_get, VIEW_RECORD_extent, 0, GUEST_HOLE, 4096));
    /* Code is mapped, but not for writing. */
    CHECK(
        fake_refused(record, ERROR_fault, HC_view_get, VIEW_RECORD_extent, 0, GUEST_HANDLER, 4096));
}

static void marks_and_tracing(void)
{
    struct virtual_processor *record = fake_simple();

    CHECK_EQUAL(fake_call(record, HC_mark, 11, 22, 0, 0), 0);
    CHECK_EQUAL(fake_log_total(), 1);
    CHECK_EQUAL(fake_log_get(FAKE_MARK, 0).values[0], 0);
    CHECK_EQUAL(fake_log_get(FAKE_MARK, 0).values[1], 11);
    CHECK_EQUAL(fake_log_get(FAKE_MARK, 0).values[2], 22);
    CHECK_EQUAL(fake_call(record, HC_trace_set, 1ull << 40, 0, 0, 0), 0);
    CHECK_EQUAL(fake_partition(1)->trace_enabled, 1);
    CHECK_EQUAL(fake_call(record, HC_trace_set, 0, 0, 0, 0), 0);
    CHECK_EQUAL(fake_partition(1)->trace_enabled, 0);
}

/* Random calls of a hostile guest: others' memory and the monitor's books stay sound. */
static void random_calls_hurt_nobody_else(void)
{
    static uint8_t before[PARTITION_FRAME_COUNT * PAGE_SIZE_BYTES];
    struct virtual_processor *record = fake_simple();
    uint64_t random = 99;
    uint32_t calls = 0;

    memcpy(before, fake_words(2, 0), sizeof(before));
    for (uint32_t count = 0; count < 20000 && fake_partition(1)->state == PARTITION_RUNNING;
         count++) {
        uint64_t values[5];

        for (uint32_t index = 0; index < 5; index++) {
            static const uint64_t interesting[] = {0,
                                                   1,
                                                   2,
                                                   3,
                                                   4,
                                                   8,
                                                   63,
                                                   64,
                                                   128,
                                                   GUEST_DATA,
                                                   GUEST_HOLE,
                                                   GUEST_HANDLER,
                                                   ~0ull,
                                                   NOT_CANONICAL,
                                                   MONITOR_SLOTS_ADDRESS,
                                                   ENTRY_CODE,
                                                   ENTRY_READ};

            random = random * 6364136223846793005ull + 1442695040888963407ull;
            values[index] = interesting[(random >> 33) % 17];
            if ((random >> 50) % 3 == 0) {
                values[index] = fake_frame(1, (uint32_t)(random >> 20) % 270);
            } else if ((random >> 50) % 3 == 1) {
                values[index] |= fake_frame(1, (uint32_t)(random >> 20) % 270) << PAGE_SHIFT;
            }
        }
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        fake_log_clear();
        fake_console_output_size = 0;
        values[4] = (random >> 33) % HYPERCALL_COUNT;
        if (values[4] == HC_partition_exit || values[4] == HC_iret || values[4] == HC_block ||
            values[4] == HC_yield || values[4] == HC_processor_stop) {
            continue;
        }
        /* Words that a batch of updates may find in its buffer. */
        ((uint64_t *)fake_guest(1, GUEST_DATA))[(random >> 40) % 8] = values[0];
        (void)fake_call(record, values[4], values[0], values[1], values[2], values[3]);
        CHECK(fake_next == record || fake_partition(1)->state != PARTITION_RUNNING);
        calls++;
        fake_shared(2, 0)->events_pending = 0;
    }
    CHECK(calls > 1000);
    CHECK(memcmp(before, fake_words(2, 0), sizeof(before)) == 0);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    for (uint64_t frame = 0; frame < FAKE_FRAME_COUNT; frame++) {
        const struct frame *books = frame_get(frame);

        CHECK((books->type == FRAME_NONE) == (books->type_count == 0));
        CHECK(books->type_count <= books->reference_count);
    }
}

static const struct test tests[] = {
    {"unknown_numbers_are_refused", unknown_numbers_are_refused},
    {"every_right_is_needed_by_its_calls", every_right_is_needed_by_its_calls},
    {"failed_calls_are_counted", failed_calls_are_counted},
    {"console_takes_up_to_its_limit", console_takes_up_to_its_limit},
    {"console_is_read_by_pages", console_is_read_by_pages},
    {"exit_keeps_code_and_reason", exit_keeps_code_and_reason},
    {"bases_are_set_and_read", bases_are_set_and_read},
    {"view_is_shown_to_its_owner", view_is_shown_to_its_owner},
    {"marks_and_tracing", marks_and_tracing},
    {"random_calls_hurt_nobody_else", random_calls_hurt_nobody_else},
    {0, 0},
};

const struct suite suite_calls = {"calls", tests};
