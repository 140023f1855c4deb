/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that two partitions may map, and nobody else: granted, mapped, revoked. */
#include <string.h>

#include "books.h"
#include "channel_frames.h"
#include "check.h"
#include "fake.h"

#define CHANNEL_FRAME 4000u
#define CHANNEL_FRAMES 4u
#define CHANNEL_PAGE GUEST_HOLE

/* Partitions 1 and 2 have a channel that both may write, 3 has not; 1 runs on processor 0. */
static struct virtual_processor *host_make(uint32_t flags)
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
    body->channel_count = 1;
    body->channels[0] = (struct view_channel){
        .state = VIEW_CHANNEL_mapped,
        .machine_frame = CHANNEL_FRAME,
        .frame_count = CHANNEL_FRAMES,
        .ends = {{.partition = 1, .guest_frame = 512, .flags = flags},
                 {.partition = 2, .guest_frame = 700, .flags = flags}},
    };
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    fake_log_clear();
    return record_get(0);
}

static int64_t map(uint32_t record, uint64_t bits)
{
    return fake_call(record_get(record), HC_mapping_update, CHANNEL_PAGE,
                     ENTRY_OF(CHANNEL_FRAME, bits), 0, 0);
}

static void both_ends_may_map_and_nobody_else(void)
{
    const struct frame *frame;

    (void)host_make(CHANNEL_END_WRITABLE);
    frame = frame_get(CHANNEL_FRAME);
    CHECK_EQUAL(frame->owner, FRAME_OWNER_CHANNEL);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    CHECK_EQUAL(map(1, ENTRY_READ), 0);
    CHECK_EQUAL(frame->reference_count, 2);
    CHECK_EQUAL(frame->second_count, 1);
    CHECK_EQUAL(frame->type, FRAME_WRITABLE);
    CHECK(fake_refused(record_get(2), ERROR_not_owner, HC_mapping_update, CHANNEL_PAGE,
                       ENTRY_OF(CHANNEL_FRAME, ENTRY_READ), 0, 0));
    CHECK_EQUAL(books_differences(), 0);
    CHECK_EQUAL(map(1, 0), 0);
    CHECK_EQUAL(frame->second_count, 0);
    CHECK_EQUAL(books_differences(), 0);
}

static void a_channel_is_never_executable_nor_a_table(void)
{
    struct virtual_processor *record = host_make(CHANNEL_END_WRITABLE);
    struct table_update update = {(fake_frame(1, OFFSET_L2) << PAGE_SHIFT) + 8,
                                  ENTRY_OF(CHANNEL_FRAME, ENTRY_TABLE)};

    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, CHANNEL_PAGE,
                       ENTRY_OF(CHANNEL_FRAME, ENTRY_CODE), 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_table_pin, CHANNEL_FRAME, 1, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_roots_set, CHANNEL_FRAME, 0, 0, 0));
    CHECK(fake_refused(record, ERROR_not_owner, HC_frames_release, CHANNEL_FRAME, 1, 0, 0));
    memcpy(fake_guest(1, GUEST_DATA), &update, sizeof(update));
    CHECK(fake_refused(record, ERROR_type_conflict, HC_table_update, GUEST_DATA, 1, 0, 0));
}

static void an_end_without_the_flag_only_reads(void)
{
    struct virtual_processor *record = host_make(0);

    CHECK(fake_refused(record, ERROR_type_conflict, HC_mapping_update, CHANNEL_PAGE,
                       ENTRY_OF(CHANNEL_FRAME, ENTRY_DATA), 0, 0));
    CHECK_EQUAL(map(0, ENTRY_READ), 0);
    CHECK_EQUAL(frame_get(CHANNEL_FRAME)->type, FRAME_NONE);
    CHECK_EQUAL(books_differences(), 0);
}

static void view_get_tells_an_end_where_it_is(void)
{
    struct virtual_processor *record = host_make(0);
    const struct view_channel *channel = fake_guest(1, GUEST_DATA);

    CHECK_EQUAL(
        fake_call(record, HC_view_get, VIEW_RECORD_channel, 0, GUEST_DATA, sizeof(*channel)),
        sizeof(*channel));
    CHECK_EQUAL(channel->machine_frame, CHANNEL_FRAME);
    CHECK_EQUAL(channel->ends[0].guest_frame, 512);
    CHECK(fake_refused(record, ERROR_not_found, HC_view_get, VIEW_RECORD_channel, 1, GUEST_DATA,
                       sizeof(*channel)));
    CHECK_EQUAL(
        fake_call(record_get(1), HC_view_get, VIEW_RECORD_channel, 0, GUEST_DATA, sizeof(*channel)),
        sizeof(*channel));
    CHECK(fake_refused(record_get(2), ERROR_not_found, HC_view_get, VIEW_RECORD_channel, 0,
                       GUEST_DATA, sizeof(*channel)));
}

static void unmap_publish(void)
{
    memset(&fake_view_begin()->channels[0], 0, sizeof(struct view_channel));
    fake_view_publish();
}

static bool is_free(void)
{
    for (uint32_t frame = CHANNEL_FRAME; frame < CHANNEL_FRAME + CHANNEL_FRAMES; frame++) {
        const uint64_t *words = machine_pointer((uint64_t)frame << PAGE_SHIFT);

        if (frame_get(frame)->owner != FRAME_OWNER_FREE || frame_get(frame)->reference_count != 0 ||
            words[0] != 0) {
            return false;
        }
    }
    return true;
}

static void a_channel_that_nobody_maps_goes_quietly(void)
{
    (void)host_make(CHANNEL_END_WRITABLE);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    *(uint64_t *)machine_pointer((uint64_t)CHANNEL_FRAME << PAGE_SHIFT) = 1;
    CHECK_EQUAL(map(0, 0), 0);
    unmap_publish();
    CHECK(fake_view_settle() != 0);
    CHECK(is_free());
    CHECK_EQUAL(monitor_state()->running_partitions, 3);
    CHECK_EQUAL(books_differences(), 0);
}

static void only_the_end_that_still_maps_it_is_stopped(void)
{
    for (uint32_t side = 0; side < 2; side++) {
        (void)host_make(CHANNEL_END_WRITABLE);
        CHECK_EQUAL(map(side, ENTRY_DATA), 0);
        unmap_publish();
        CHECK(fake_view_settle() != 0);
        CHECK(is_free());
        CHECK_EQUAL(fake_partition(1 + side)->stop.reason, STOP_revoked);
        CHECK_EQUAL(fake_partition(2 - side)->state, PARTITION_RUNNING);
        CHECK_EQUAL(*fake_entry(1 + side, OFFSET_HOLE), 0);
        CHECK_EQUAL(books_differences(), 0);
    }
}

/* From its publication on, nobody maps it anew, whatever step the release has reached. */
static void a_channel_that_leaves_is_not_mapped_again(void)
{
    struct virtual_processor *record = host_make(CHANNEL_END_WRITABLE);

    CHECK_EQUAL(map(1, ENTRY_DATA), 0);
    /* A second frame of the same end: it is stopped once. */
    CHECK_EQUAL(fake_call(record_get(1), HC_mapping_update, CHANNEL_PAGE + PAGE_SIZE_BYTES,
                          ENTRY_OF(CHANNEL_FRAME + 1, ENTRY_DATA), 0, 0),
                0);
    unmap_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(frame_get(CHANNEL_FRAME)->owner, FRAME_OWNER_CHANNEL);
    CHECK_EQUAL(map(0, ENTRY_DATA), -ERROR_not_owner);
    CHECK_EQUAL(record->state, VIRTUAL_PROCESSOR_RUNNABLE);
    /* Another generation meanwhile, which knows no rows of channels at all. */
    fake_view_begin()->channel_count = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK(is_free());
}

/* A row that says nothing is no channel, and what lies beside it stays. */
static void rows_without_a_channel_are_passed_over(void)
{
    struct view_body *body;

    (void)host_make(0);
    body = fake_view_begin();
    body->channel_count = 3;
    body->channels[2] = body->channels[0];
    body->channels[2].machine_frame = CHANNEL_FRAME + 2 * CHANNEL_FRAMES;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    memset(&fake_view_begin()->channels[0], 0, sizeof(struct view_channel));
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK(is_free());
    CHECK_EQUAL(fake_call(record_get(0), HC_view_get, VIEW_RECORD_channel, 0, GUEST_DATA,
                          sizeof(struct view_channel)),
                sizeof(struct view_channel));
    /* An extent of nobody over both: its frames are looked at, and stay whose they are. */
    body = fake_view_begin();
    body->extents[3] = (struct view_extent){.machine_frame = CHANNEL_FRAME, .frame_count = 20};
    body->extent_count = 4;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(CHANNEL_FRAME + 2 * CHANNEL_FRAMES)->owner, FRAME_OWNER_CHANNEL + 2);
}

static void fewer_rows_unmap_the_others(void)
{
    (void)host_make(CHANNEL_END_WRITABLE);
    fake_view_begin()->channel_count = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK(is_free());
}

/* A channel of so many frames takes two steps: the first is not enough to map it. */
static void a_channel_is_mapped_when_all_of_it_is_there(void)
{
    struct view_body *body;

    (void)host_make(0);
    body = fake_view_begin();
    body->channel_count = 2;
    body->channels[1] = body->channels[0];
    body->channels[1].machine_frame = 3000;
    body->channels[1].frame_count = VIEW_STEP_SCAN_LIMIT / 2 + 1;
    fake_view_publish();
    (void)fake_processor_enter(0, ENTRY_KICK);
    CHECK_EQUAL(monitor_state()->channels[1].state, CHANNEL_CLAIMING);
    CHECK_EQUAL(frame_get(3000)->owner, FRAME_OWNER_CHANNEL + 1);
    CHECK_EQUAL(
        fake_call(record_get(1), HC_mapping_update, CHANNEL_PAGE, ENTRY_OF(3000, ENTRY_READ), 0, 0),
        -ERROR_not_owner);
    fake_view_begin()->partitions[3].rights = 0;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(monitor_state()->channels[1].state, CHANNEL_MAPPED);
    CHECK_EQUAL(
        fake_call(record_get(1), HC_mapping_update, CHANNEL_PAGE, ENTRY_OF(3000, ENTRY_READ), 0, 0),
        0);
}

static void other_frames_or_flags_make_another_channel(void)
{
    for (uint32_t what = 0; what < 3; what++) {
        struct view_channel *channel;

        (void)host_make(CHANNEL_END_WRITABLE);
        CHECK_EQUAL(map(0, ENTRY_DATA), 0);
        channel = &fake_view_begin()->channels[0];
        channel->frame_count -= what == 0;
        channel->machine_frame += what == 1;
        channel->ends[1].flags = what == 2 ? 0 : CHANNEL_END_WRITABLE;
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
        CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
        CHECK_EQUAL(map(1, ENTRY_DATA), what == 0   ? 0
                                        : what == 1 ? -ERROR_not_owner
                                                    : -ERROR_type_conflict);
    }
}

static void an_end_that_is_destroyed_leaves_the_channel_to_the_other(void)
{
    (void)host_make(CHANNEL_END_WRITABLE);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    CHECK_EQUAL(map(1, ENTRY_DATA), 0);
    memset(&fake_view_begin()->partitions[1], 0, sizeof(struct view_partition));
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(frame_get(CHANNEL_FRAME)->reference_count, 1);
    CHECK_EQUAL(frame_get(CHANNEL_FRAME)->second_count, 1);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    CHECK_EQUAL(books_differences(), 0);
}

static void other_ends_make_another_channel(void)
{
    (void)host_make(CHANNEL_END_WRITABLE);
    CHECK_EQUAL(map(0, ENTRY_DATA), 0);
    *(uint64_t *)machine_pointer((uint64_t)CHANNEL_FRAME << PAGE_SHIFT) = 1;
    fake_view_begin()->channels[0].ends[0].partition = 3;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
    CHECK_EQUAL(fake_partition(1)->stop.reason, STOP_revoked);
    CHECK_EQUAL(*(uint64_t *)machine_pointer((uint64_t)CHANNEL_FRAME << PAGE_SHIFT), 0);
    CHECK_EQUAL(map(2, ENTRY_DATA), 0);
    CHECK_EQUAL(books_differences(), 0);
}

/* Rows that cannot be: the channel is not there, and nobody is hurt. */
static void unlawful_channels_are_not_there(void)
{
    static const struct view_channel wrong[] = {
        {.frame_count = 1, .machine_frame = 3990, .ends = {{.partition = 1}, {.partition = 1}}},
        {.frame_count = 1, .machine_frame = 3990, .ends = {{.partition = 0}, {.partition = 1}}},
        {.frame_count = 1, .machine_frame = 3990, .ends = {{.partition = 1}, {.partition = 128}}},
        {.frame_count = 1, .machine_frame = 3990, .ends = {{.partition = 1}, {.partition = 0}}},
        {.frame_count = 1, .machine_frame = 3990, .ends = {{.partition = 128}, {.partition = 1}}},
        {.frame_count = 0, .machine_frame = 3990, .ends = {{.partition = 1}, {.partition = 2}}},
        {.frame_count = ~0ull, .machine_frame = 3990, .ends = {{.partition = 1}, {.partition = 2}}},
        {.frame_count = 1, .machine_frame = ~0ull, .ends = {{.partition = 1}, {.partition = 2}}},
        {.frame_count = 2, .machine_frame = 1, .ends = {{.partition = 1}, {.partition = 2}}},
        {.frame_count = 1,
         .machine_frame = CHANNEL_FRAME,
         .ends = {{.partition = 1}, {.partition = 3}}},
    };

    for (uint32_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        struct view_body *body;

        (void)host_make(0);
        body = fake_view_begin();
        body->channel_count = 2;
        body->channels[1] = wrong[index];
        body->channels[1].state = VIEW_CHANNEL_mapped;
        fake_view_publish();
        CHECK(fake_view_settle() != 0);
        CHECK_EQUAL(monitor_state()->channels[1].state, CHANNEL_ABSENT);
        CHECK_EQUAL(frame_get(3990)->owner, FRAME_OWNER_FREE);
        CHECK_EQUAL(frame_get(CHANNEL_FRAME)->owner, FRAME_OWNER_CHANNEL);
        CHECK_EQUAL(monitor_state()->running_partitions, 3);
    }
}

static void ports_publish(uint32_t first, uint32_t second)
{
    struct view_channel *channel = &fake_view_begin()->channels[0];

    channel->ends[0].port = first;
    channel->ends[1].port = second;
    fake_view_publish();
    CHECK(fake_view_settle() != 0);
}

/* Events go from port to port; an end without one polls, and is neither sent to nor sends. */
static void events_need_a_port_at_both_ends(void)
{
    struct virtual_processor *record = host_make(0);

    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 0, 0, 0, 0));
    ports_publish(12, 0);
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 12, 0, 0, 0));
    CHECK(fake_refused(record_get(1), ERROR_not_found, HC_event_send, 0, 0, 0, 0));
    ports_publish(12, 13);
    CHECK_EQUAL(fake_call(record, HC_event_send, 12, 0, 0, 0), 0);
    CHECK_EQUAL(shared_page_of(record_get(1))->events_pending, 1ull << 13);
    CHECK(fake_refused(record, ERROR_not_found, HC_event_send, 13, 0, 0, 0));
}

static const struct test tests[] = {
    {"both_ends_may_map_and_nobody_else", both_ends_may_map_and_nobody_else},
    {"a_channel_is_never_executable_nor_a_table", a_channel_is_never_executable_nor_a_table},
    {"an_end_without_the_flag_only_reads", an_end_without_the_flag_only_reads},
    {"view_get_tells_an_end_where_it_is", view_get_tells_an_end_where_it_is},
    {"a_channel_that_nobody_maps_goes_quietly", a_channel_that_nobody_maps_goes_quietly},
    {"only_the_end_that_still_maps_it_is_stopped", only_the_end_that_still_maps_it_is_stopped},
    {"a_channel_that_leaves_is_not_mapped_again", a_channel_that_leaves_is_not_mapped_again},
    {"rows_without_a_channel_are_passed_over", rows_without_a_channel_are_passed_over},
    {"fewer_rows_unmap_the_others", fewer_rows_unmap_the_others},
    {"a_channel_is_mapped_when_all_of_it_is_there", a_channel_is_mapped_when_all_of_it_is_there},
    {"other_frames_or_flags_make_another_channel", other_frames_or_flags_make_another_channel},
    {"an_end_that_is_destroyed_leaves_the_channel_to_the_other",
     an_end_that_is_destroyed_leaves_the_channel_to_the_other},
    {"other_ends_make_another_channel", other_ends_make_another_channel},
    {"unlawful_channels_are_not_there", unlawful_channels_are_not_there},
    {"events_need_a_port_at_both_ends", events_need_a_port_at_both_ends},
    {0},
};

const struct suite suite_view_channels = {"view_channels", tests};
