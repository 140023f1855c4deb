/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of devices: their owner may map them, and nobody else; given, mapped, taken away. */
#include <string.h>

#include "books.h"
#include "check.h"
#include "device_frames.h"
#include "fake.h"

#define DEVICE_FRAME (FAKE_FRAME_COUNT - FAKE_DEVICE_FRAME_COUNT)
#define DEVICE_PAGE GUEST_HOLE
#define MARK 0x5555aaaa5555aaaaull

static struct view_device device_row(uint32_t partition, uint64_t machine_frame)
{
    return (struct view_device){
        .id = 1 + (uint32_t)(machine_frame - DEVICE_FRAME),
        .partition = partition,
        .port = 9,
        .flags = VIEW_DEVICE_ACTIVE,
        .machine_frame = machine_frame,
        .frame_count = 1,
        .guest_frame = 4096,
    };
}

/* Three partitions on three processors; the first has a device. */
static struct virtual_processor *host_make(void)
{
    static const uint32_t first[1] = {0}, second[1] = {1}, third[1] = {2};
    struct view_body *body;

    fake_reset(3);
    (void)fake_partition_add(RIGHT_ALL, 1, first);
    (void)fake_partition_add(RIGHT_ALL, 1, second);
    (void)fake_partition_add(RIGHT_ALL, 1, third);
    for (uint32_t processor = 0; processor < 3; processor++) {
        fake_slot_add(processor, processor, 1000, 0);
    }
    monitor_start();
    for (uint32_t processor = 3; processor-- > 0;) {
        fake_next = fake_first(processor);
    }
    body = fake_view_begin();
    body->device_count = 1;
    body->devices[0] = device_row(1, DEVICE_FRAME);
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    fake_log_clear();
    return record_get(0);
}

static int64_t map_frame(uint32_t record, uint64_t frame, uint64_t bits)
{
    return fake_call(record_get(record), HC_mapping_update, DEVICE_PAGE, ENTRY_OF(frame, bits), 0,
                     0);
}

static int64_t map(uint32_t record, uint64_t bits)
{
    return map_frame(record, DEVICE_FRAME, bits);
}

static uint64_t *words(uint64_t frame)
{
    return machine_pointer(frame << PAGE_SHIFT);
}

static void the_owner_may_map_registers_and_nobody_else(void)
{
    const struct frame *frame;

    (void)host_make();
    frame = frame_get(DEVICE_FRAME);
    CHECK_EQUAL(frame->owner, FRAME_OWNER_DEVICE);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    CHECK_EQUAL(frame->type, FRAME_WRITABLE);
    CHECK_EQUAL(frame->reference_count, 1);
    CHECK_EQUAL(books_differences(), 0);
    CHECK(fake_refused(record_get(1), ERROR_not_owner, HC_mapping_update, DEVICE_PAGE,
                       ENTRY_OF(DEVICE_FRAME, ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record_get(2), ERROR_not_owner, HC_mapping_update, DEVICE_PAGE,
                       ENTRY_OF(DEVICE_FRAME, ENTRY_READ), 0, 0));
    CHECK_EQUAL(map(0, ENTRY_READ), 0);
    CHECK_EQUAL(frame->type, FRAME_NONE);
    CHECK_EQUAL(map(0, 0), 0);
    CHECK_EQUAL(frame->reference_count, 0);
    CHECK_EQUAL(books_differences(), 0);
}

static void registers_are_never_executable_nor_a_table(void)
{
    struct virtual_processor *record = host_make();
    struct table_update update = {(fake_frame(1, OFFSET_L2) << PAGE_SHIFT) + 8,
                                  ENTRY_OF(DEVICE_FRAME, ENTRY_TABLE)};

    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, DEVICE_PAGE,
                       ENTRY_OF(DEVICE_FRAME, ENTRY_CODE), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, DEVICE_FRAME, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, DEVICE_FRAME, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, DEVICE_FRAME, 1, 0, 0));
    memcpy(fake_guest(1, GUEST_DATA), &update, sizeof(update));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_update, GUEST_DATA, 1, 0, 0));
}

/* A read of a register may do something: only the guest itself does it. */
static void the_monitor_neither_reads_nor_writes_registers(void)
{
    struct virtual_processor *record = host_make();

    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    words(DEVICE_FRAME)[0] = MARK;
    CHECK(fake_refused(record, ERROR_fault, HC_console_write, DEVICE_PAGE, 8, 0, 0));
    CHECK(fake_refused(record, ERROR_fault, HC_view_get, VIEW_RECORD_device, 0, DEVICE_PAGE,
                       sizeof(struct view_device)));
    CHECK_EQUAL(words(DEVICE_FRAME)[0], MARK);
}

static void frames_beside_the_device_are_nobodys(void)
{
    struct virtual_processor *record = host_make();

    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, DEVICE_PAGE,
                       ENTRY_OF(DEVICE_FRAME + 1, ENTRY_DATA), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_mapping_update, DEVICE_PAGE,
                       ENTRY_OF(FAKE_FRAME_COUNT, ENTRY_DATA), 0, 0));
}

static void view_get_tells_the_owner_where_it_is(void)
{
    struct virtual_processor *record = host_make();
    const struct view_device *device = fake_guest(1, GUEST_DATA);

    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_device, 0, GUEST_DATA, sizeof(*device)),
                sizeof(*device));
    CHECK_EQUAL(device->machine_frame, DEVICE_FRAME);
    CHECK_EQUAL(device->guest_frame, 4096);
    CHECK_EQUAL(device->port, 9);
    CHECK(fake_refused(record, ERROR_limit, HC_view_get, VIEW_RECORD_device, 0, GUEST_DATA,
                       sizeof(*device) - 1));
    CHECK(fake_refused(record, ERROR_not_found, HC_view_get, VIEW_RECORD_device, 1, GUEST_DATA,
                       sizeof(*device)));
    CHECK(fake_refused(record_get(1), ERROR_not_found, HC_view_get, VIEW_RECORD_device, 0,
                       GUEST_DATA, sizeof(*device)));
}

static void owner_publish(uint32_t partition)
{
    fake_view_begin()->devices[0].partition = partition;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
}

/* What a write to a register left is the device's business: nothing is scrubbed. */
static void registers_that_nobody_maps_go_quietly_and_unscrubbed(void)
{
    (void)host_make();
    words(DEVICE_FRAME)[0] = MARK;
    owner_publish(2);
    CHECK_EQUAL(words(DEVICE_FRAME)[0], MARK);
    CHECK_EQUAL(monitor_state()->running_partitions, 3);
    CHECK_EQUAL(map(0, ENTRY_READ), -ERROR_not_owner);
    CHECK_EQUAL(map(1, ENTRY_DATA), 0);
    owner_publish(0);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(words(DEVICE_FRAME)[0], MARK);
}

static void an_owner_that_still_maps_them_is_severed_and_stopped(void)
{
    (void)host_make();
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    CHECK_EQUAL(fake_call(record_get(0), HC_mapping_update, DEVICE_PAGE + PAGE_SIZE_BYTES,
                          ENTRY_OF(DEVICE_FRAME, ENTRY_READ), 0, 0),
                0);
    owner_publish(2);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(*fake_entry(1, OFFSET_HOLE), 0);
    CHECK_EQUAL(monitor_state()->running_partitions, 2);
    CHECK_EQUAL(map(1, ENTRY_DATA), 0);
    CHECK_EQUAL(books_differences(), 0);
}

/* The first so many partitions keep so much; the view is to be published. */
static struct view_body *memory_take_away(uint32_t partition_count, uint32_t kept)
{
    struct view_body *body = fake_view_begin();

    for (uint32_t row = 0; row < partition_count; row++) {
        body->extents[row].frame_count = kept;
    }
    return body;
}

static void check_that_the_third_has_what_the_first_lost(void)
{
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(*fake_entry(1, OFFSET_DATA), 0);
    CHECK_EQUAL(*fake_entry(1, OFFSET_HOLE), 0);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->reference_count, 0);
    CHECK_EQUAL(map(2, ENTRY_DATA), 0);
    CHECK_EQUAL(books_differences(), 0);
}

/* Its memory comes first: by the time of the registers the owner has been severed for that. */
static void an_owner_that_loses_memory_and_registers_lets_go_of_both(void)
{
    (void)host_make();
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    memory_take_away(1, OFFSET_DATA)->devices[0].partition = 3;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    check_that_the_third_has_what_the_first_lost();
}

/* A processor that is not idle takes a step an entry. */
static void enter_until(uint32_t processor, uint32_t severed)
{
    for (uint32_t turn = 0; turn < 20 && fake_partition(1)->severed != severed; turn++) {
        (void)fake_processor_enter(processor, ENTRY_TIMER);
        fake_log_clear();
    }
    CHECK_EQUAL(fake_partition(1)->severed, severed);
}

/*
 * The registers go after the search for what it lost before, while that is being released: two
 * partitions' mapped frames are as many as a step releases, and there is one more to look at.
 */
static void an_owner_that_has_been_severed_is_severed_again_for_registers(void)
{
    (void)host_make();
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    (void)memory_take_away(2, OFFSET_FREE);
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    (void)memory_take_away(2, OFFSET_DATA);
    fake_view_publish();
    enter_until(2, SEVERED_ORDERED);
    for (uint32_t turn = 0; turn < 4; turn++) {
        (void)fake_processor_enter(turn % 2, ENTRY_TIMER);
    }
    enter_until(2, SEVERED_DONE);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->reference_count, 1);
    owner_publish(3);
    check_that_the_third_has_what_the_first_lost();
}

static void registers_that_leave_are_not_mapped_again(void)
{
    (void)host_make();
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    fake_view_begin()->devices[0].partition = 2;
    fake_view_publish();
    (void)fake_processor_enter(1, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->devices[0].state, CHANNEL_LEAVING);
    CHECK_EQUAL(map(1, ENTRY_DATA), -ERROR_not_owner);
    /* Another generation meanwhile, which knows no devices. */
    fake_view_begin()->device_count = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(monitor_state()->devices[0].state, CHANNEL_ABSENT);
}

/* Fenced: what the device may do is the machine's business, who maps it stays as it is. */
static void flags_and_port_change_nothing_of_the_mapping(void)
{
    struct view_body *body;

    (void)host_make();
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    body = fake_view_begin();
    body->devices[0].flags = 0;
    body->devices[0].port = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(monitor_state()->running_partitions, 3);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->reference_count, 1);
}

static void an_owner_that_is_destroyed_lets_go(void)
{
    (void)host_make();
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    memset(&fake_view_begin()->partitions[1], 0, sizeof(struct view_partition));
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->reference_count, 0);
    CHECK_EQUAL(books_differences(), 0);
}

static void as_many_devices_as_the_limit_and_no_more(void)
{
    struct view_body *body;

    (void)host_make();
    body = fake_view_begin();
    body->device_count = DEVICE_LIMIT;
    for (uint32_t row = 0; row < DEVICE_LIMIT; row++) {
        body->devices[row] = device_row(1, DEVICE_FRAME + row);
    }
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(map_frame(0, DEVICE_FRAME + DEVICE_LIMIT - 1, ENTRY_DATA), 0);
    CHECK_EQUAL(map_frame(0, DEVICE_FRAME + DEVICE_LIMIT, ENTRY_DATA), -ERROR_not_owner);
    CHECK_EQUAL(fake_call(record_get(0), HC_view_get, VIEW_RECORD_device, DEVICE_LIMIT - 1,
                          GUEST_DATA, sizeof(struct view_device)),
                sizeof(struct view_device));
    CHECK_EQUAL(fake_call(record_get(0), HC_view_get, VIEW_RECORD_device, DEVICE_LIMIT, GUEST_DATA,
                          sizeof(struct view_device)),
                -ERROR_not_found);
}

/* As in grant of channels: two rows with the same registers, the earlier one has them. */
static void registers_of_another_row_are_not_given(void)
{
    struct view_body *body;

    (void)host_make();
    body = fake_view_begin();
    body->device_count = 2;
    body->devices[1] = device_row(2, DEVICE_FRAME);
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(monitor_state()->devices[1].state, CHANNEL_ABSENT);
    CHECK_EQUAL(map(1, ENTRY_DATA), -ERROR_not_owner);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
}

static void unlawful_rows_are_no_device(void)
{
    static const struct view_device wrong[] = {
        {.id = 0, .partition = 1, .machine_frame = DEVICE_FRAME + 1, .frame_count = 1},
        {.id = 2, .partition = 0, .machine_frame = DEVICE_FRAME + 1, .frame_count = 1},
        {.id = 2, .partition = 128, .machine_frame = DEVICE_FRAME + 1, .frame_count = 1},
        {.id = 2, .partition = 1, .machine_frame = DEVICE_FRAME - 1, .frame_count = 1},
        {.id = 2, .partition = 1, .machine_frame = DEVICE_FRAME - 1, .frame_count = 2},
        {.id = 2, .partition = 1, .machine_frame = DEVICE_FRAME + 1, .frame_count = 0},
        {.id = 2, .partition = 1, .machine_frame = DEVICE_FRAME + 1, .frame_count = ~0ull},
        {.id = 2, .partition = 1, .machine_frame = ~0ull, .frame_count = 1},
        {.id = 2, .partition = 1, .machine_frame = 1, .frame_count = 1},
    };

    for (uint32_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        struct view_body *body;

        (void)host_make();
        body = fake_view_begin();
        body->device_count = 2;
        body->devices[1] = wrong[index];
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(monitor_state()->devices[1].state, CHANNEL_ABSENT);
        CHECK_EQUAL(frame_get(DEVICE_FRAME + 1)->owner, FRAME_OWNER_FREE);
        CHECK_EQUAL(monitor_state()->running_partitions, 3);
    }
}

/* Neither as an extent nor as a channel: registers are no memory. */
static void registers_are_not_given_as_memory(void)
{
    struct view_body *body;

    (void)host_make();
    body = fake_view_begin();
    body->channel_count = 1;
    body->channels[0] = (struct view_channel){
        .state = VIEW_CHANNEL_mapped,
        .machine_frame = DEVICE_FRAME + 1,
        .frame_count = 1,
        .ends = {{.partition = 1}, {.partition = 2}},
    };
    body->extents[2].machine_frame = DEVICE_FRAME + 2;
    body->extents[2].frame_count = 1;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(DEVICE_FRAME + 1)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(frame_get(DEVICE_FRAME + 2)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(fake_partition(3)->state, PARTITION_STOPPED);
    CHECK_EQUAL(monitor_state()->running_partitions, 2);
}

/* Other frames make another device: who maps the old one is severed, whichever frames it maps. */
static void registers_that_grow_are_taken_away_and_given_again(void)
{
    (void)host_make();
    fake_view_begin()->devices[0].frame_count = 2;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    CHECK_EQUAL(fake_call(record_get(0), HC_mapping_update, DEVICE_PAGE + PAGE_SIZE_BYTES,
                          ENTRY_OF(DEVICE_FRAME + 1, ENTRY_DATA), 0, 0),
                0);
    CHECK_EQUAL(books_differences(), 0);
    owner_publish(2);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->owner, FRAME_OWNER_DEVICE);
    CHECK_EQUAL(frame_get(DEVICE_FRAME + 1)->reference_count, 0);
    CHECK_EQUAL(map(1, ENTRY_DATA), 0);
    CHECK_EQUAL(books_differences(), 0);
}

static void fewer_rows_take_the_other_devices_away(void)
{
    (void)host_make();
    fake_view_begin()->device_count = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(monitor_state()->devices[0].state, CHANNEL_ABSENT);
}

static void rows_without_a_device_are_passed_over(void)
{
    struct virtual_processor *record = host_make();
    const struct view_device *device = fake_guest(1, GUEST_DATA);
    struct view_body *body = fake_view_begin();

    body->device_count = 2;
    body->devices[1] = device_row(1, DEVICE_FRAME + 1);
    body->devices[0].id = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_call(record, HC_view_get, VIEW_RECORD_device, 0, GUEST_DATA, sizeof(*device)),
                sizeof(*device));
    CHECK_EQUAL(device->machine_frame, DEVICE_FRAME + 1);
    CHECK_EQUAL(map(0, ENTRY_READ), -ERROR_not_owner);
}

/* Each looks at all frames before the one that it cannot have: more than one step has room for. */
static void rows_that_are_refused_take_their_time(void)
{
    struct view_body *body;

    (void)host_make();
    body = fake_view_begin();
    body->device_count = DEVICE_LIMIT;
    body->devices[0] = device_row(1, FAKE_FRAME_COUNT - 1);
    for (uint32_t row = 1; row < DEVICE_LIMIT; row++) {
        body->devices[row] = device_row(2, DEVICE_FRAME);
        body->devices[row].frame_count = FAKE_DEVICE_FRAME_COUNT;
    }
    fake_view_publish();
    CHECK(fake_view_settle() > VIEW_STEP_SCAN_LIMIT / FAKE_DEVICE_FRAME_COUNT / 8);
    CHECK_EQUAL(map_frame(0, FAKE_FRAME_COUNT - 1, ENTRY_DATA), 0);
    for (uint32_t row = 1; row < DEVICE_LIMIT; row++) {
        CHECK_EQUAL(monitor_state()->devices[row].state, CHANNEL_ABSENT);
    }
    CHECK_EQUAL(frame_get(DEVICE_FRAME)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(monitor_state()->running_partitions, 3);
}

static const struct test tests[] = {
    {"the_owner_may_map_registers_and_nobody_else", the_owner_may_map_registers_and_nobody_else},
    {"registers_are_never_executable_nor_a_table", registers_are_never_executable_nor_a_table},
    {"the_monitor_neither_reads_nor_writes_registers",
     the_monitor_neither_reads_nor_writes_registers},
    {"frames_beside_the_device_are_nobodys", frames_beside_the_device_are_nobodys},
    {"view_get_tells_the_owner_where_it_is", view_get_tells_the_owner_where_it_is},
    {"registers_that_nobody_maps_go_quietly_and_unscrubbed",
     registers_that_nobody_maps_go_quietly_and_unscrubbed},
    {"an_owner_that_still_maps_them_is_severed_and_stopped",
     an_owner_that_still_maps_them_is_severed_and_stopped},
    {"an_owner_that_loses_memory_and_registers_lets_go_of_both",
     an_owner_that_loses_memory_and_registers_lets_go_of_both},
    {"an_owner_that_has_been_severed_is_severed_again_for_registers",
     an_owner_that_has_been_severed_is_severed_again_for_registers},
    {"registers_that_leave_are_not_mapped_again", registers_that_leave_are_not_mapped_again},
    {"flags_and_port_change_nothing_of_the_mapping", flags_and_port_change_nothing_of_the_mapping},
    {"an_owner_that_is_destroyed_lets_go", an_owner_that_is_destroyed_lets_go},
    {"as_many_devices_as_the_limit_and_no_more", as_many_devices_as_the_limit_and_no_more},
    {"registers_of_another_row_are_not_given", registers_of_another_row_are_not_given},
    {"unlawful_rows_are_no_device", unlawful_rows_are_no_device},
    {"registers_are_not_given_as_memory", registers_are_not_given_as_memory},
    {"registers_that_grow_are_taken_away_and_given_again",
     registers_that_grow_are_taken_away_and_given_again},
    {"fewer_rows_take_the_other_devices_away", fewer_rows_take_the_other_devices_away},
    {"rows_without_a_device_are_passed_over", rows_without_a_device_are_passed_over},
    {"rows_that_are_refused_take_their_time", rows_that_are_refused_take_their_time},
    {0},
};

const struct suite suite_view_devices = {"view_devices", tests};
