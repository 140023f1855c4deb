/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a view to running partitions, and what a view may say wrongly. */
#include <string.h>

#include "check.h"
#include "fake.h"

/* Two partitions on one processor, not started; the first gets what a test spoils. */
static struct view_partition *two_partitions(void)
{
    static const uint32_t processors[8] = {0, 0, 0, 0, 0, 0, 0, 0};

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 2, processors);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_slot_add(0, 0, 1000, 0);
    fake_slot_add(0, 2, 1000, 0);
    return &fake_view()->partitions[1];
}

/* Partition 1 was refused for that, partition 2 is not hurt and is what runs. */
static void check_refused(uint32_t level, uint64_t address, enum error error)
{
    const struct stop_record *stop = &fake_partition(1)->stop;
    struct virtual_processor *first;

    monitor_start();
    first = fake_first(0);
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_STOPPED);
    CHECK_EQUAL(stop->reason, STOP_bad_start);
    CHECK_EQUAL(stop->vector, level);
    CHECK_EQUAL(stop->address, address);
    CHECK_EQUAL(stop->error_code, error);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_RUNNING);
    CHECK_EQUAL(monitor_state()->running_partitions, 1);
    CHECK(record_get(0)->state != VIRTUAL_PROCESSOR_RUNNABLE);
    CHECK_EQUAL(first->id, IDLE_ID_FIRST);
    CHECK_EQUAL(fake_deadlines[0], 1000);
    CHECK_EQUAL(record_get(2)->state, VIRTUAL_PROCESSOR_RUNNABLE);
}

static void frames_have_owners_types_and_counts(void)
{
    const struct frame *l1, *data, *code, *shared, *time;

    (void)two_partitions();
    monitor_start();
    CHECK_EQUAL(frame_get(0)->owner, FRAME_OWNER_MONITOR);
    CHECK_EQUAL(frame_get(MONITOR_END_FRAME - 1)->owner, FRAME_OWNER_MONITOR);
    CHECK_EQUAL(frame_get(MONITOR_END_FRAME)->owner, 1);
    CHECK_EQUAL(frame_get(fake_frame(1, PARTITION_FRAME_COUNT - 1))->owner, 1);
    CHECK_EQUAL(frame_get(fake_frame(2, 0))->owner, 2);
    CHECK_EQUAL(frame_get(fake_frame(3, 0))->owner, FRAME_OWNER_FREE);
    l1 = frame_get(fake_frame(1, OFFSET_L1));
    CHECK_EQUAL(l1->type, FRAME_TABLE_1);
    CHECK_EQUAL(l1->type_count, 2);      /* the pin and its parent */
    CHECK_EQUAL(l1->reference_count, 3); /* and its own read-only mapping */
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_L4))->type, FRAME_TABLE_4);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_L4))->type_count, 2); /* the pin and the root */
    data = frame_get(fake_frame(1, OFFSET_DATA));
    CHECK_EQUAL(data->type, FRAME_WRITABLE);
    CHECK_EQUAL(data->type_count, 1);
    CHECK_EQUAL(data->reference_count, 1);
    code = frame_get(fake_frame(1, OFFSET_CODE));
    CHECK_EQUAL(code->type, FRAME_EXECUTABLE);
    CHECK_EQUAL(code->flags, FRAME_FLAG_EXECUTED);
    shared = frame_get(fake_frame(1, OFFSET_SHARED));
    CHECK_EQUAL(shared->type, FRAME_WRITABLE);
    CHECK_EQUAL(shared->type_count, 2); /* the monitor's and the guest's */
    time = frame_get(fake_frame(1, OFFSET_TIME));
    CHECK_EQUAL(time->type, FRAME_READ_ONLY);
    CHECK_EQUAL(time->type_count, 1);
    CHECK_EQUAL(time->reference_count, 2);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_HYPERCALL))->type, FRAME_EXECUTABLE);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_HYPERCALL))->type_count, 1);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_HYPERCALL))->reference_count, 1);
    CHECK_EQUAL(frame_get(fake_frame(1, OFFSET_HOLE))->reference_count, 0);
    CHECK_EQUAL(fake_log_count(FAKE_CODE_CHANGED), 0);
}

static void pages_are_filled(void)
{
    const uint8_t *stubs;
    const struct time_page *time;
    uint8_t expected[PAGE_SIZE_BYTES];

    (void)two_partitions();
    monitor_start();
    memset(expected, 0xcc, sizeof(expected));
    for (uint32_t number = 0; number < HYPERCALL_COUNT; number++) {
        const uint8_t stub[8] = {0xb8, (uint8_t)number, 0, 0, 0, 0x0f, 0x05, 0xc3};

        memcpy(expected + number * HYPERCALL_STUB_SIZE_BYTES, stub, sizeof(stub));
    }
    stubs = (const uint8_t *)fake_words(1, OFFSET_HYPERCALL);
    CHECK(memcmp(stubs, expected, sizeof(expected)) == 0);
    time = (const struct time_page *)fake_words(1, OFFSET_TIME);
    CHECK_EQUAL(time->header.magic, PAGE_MAGIC_TIME);
    CHECK_EQUAL(time->header.version, ABI_VERSION);
    CHECK_EQUAL(time->header.size_bytes, sizeof(struct time_page));
    CHECK_EQUAL(time->clock_frequency_hz, 1000000000);
    for (uint32_t index = 0; index < 2; index++) {
        CHECK_EQUAL(fake_shared(1, index)->header.magic, PAGE_MAGIC_SHARED);
        CHECK_EQUAL(fake_shared(1, index)->header.size_bytes, sizeof(struct shared_page));
        CHECK_EQUAL(fake_shared(1, index)->events_masked, 1);
        CHECK_EQUAL(record_get(index)->shared_frame, fake_frame(1, OFFSET_SHARED + index));
    }
    for (uint32_t slot = 0; slot < TABLE_ENTRY_COUNT; slot++) {
        uint64_t entry = slot == 0 ? ENTRY_OF(fake_frame(1, OFFSET_L3), ENTRY_TABLE) : 0;

        if (slot >= 256 && slot < 272) {
            entry = ENTRY_OF(0x600 + slot - 256, ENTRY_PRESENT);
        }
        CHECK_EQUAL(fake_words(1, OFFSET_L4)[slot], entry);
    }
}

static void first_processor_begins(void)
{
    struct virtual_processor *record;
    struct registers expected;

    (void)two_partitions();
    monitor_start();
    CHECK_EQUAL(fake_log_count(FAKE_CONTEXT_RESET), 1 + 3 + 2); /* idle, all, and the started */
    record = fake_first(0);
    memset(&expected, 0, sizeof(expected));
    expected.rip = GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES;
    expected.rsp = GUEST_STACK_TOP;
    expected.rdi = GUEST_DATA;
    expected.rflags = 0x202;
    expected.cs = SELECTOR_GUEST_CODE_64;
    expected.ss = SELECTOR_GUEST_DATA;
    CHECK_EQUAL(record->id, 0);
    CHECK(memcmp(&record->registers, &expected, sizeof(expected)) == 0);
    CHECK_EQUAL(record->partition, 1);
    CHECK_EQUAL(record->kernel_root_frame, fake_frame(1, OFFSET_L4));
    CHECK_EQUAL(record->user_root_frame, 0);
    CHECK_EQUAL(record->kernel_stack_top, GUEST_STACK_TOP);
    CHECK_EQUAL(record->user_mode, 0);
    CHECK_EQUAL(record->started, 1);
    CHECK_EQUAL(record_get(1)->state, VIRTUAL_PROCESSOR_STOPPED);
    CHECK_EQUAL(record_get(1)->index, 1);
    CHECK_EQUAL(record_get(1)->started, 0);
    CHECK_EQUAL(record_get(3)->state, VIRTUAL_PROCESSOR_ABSENT);
    CHECK_EQUAL(monitor_state()->running_partitions, 2);
    CHECK_EQUAL(monitor_state()->processors[0].switches, 1);
    CHECK_EQUAL(monitor_state()->lock, 0);
}

static void other_body_of_the_view_is_read(void)
{
    struct view_region *region;

    (void)two_partitions();
    region = machine_pointer(VIEW_REGION_ADDRESS);
    region->bodies[0] = region->bodies[1];
    memset(&region->bodies[1], 0xff, sizeof(region->bodies[1]));
    region->generation = 6;
    monitor_start();
    CHECK_EQUAL(fake_first(0)->id, 0);
    CHECK_EQUAL(monitor_state()->processors[0].acknowledged_generation, 6);
}

static void records_are_refused(void)
{
    two_partitions()->width = 16;
    check_refused(0, 16, ERROR_invalid_argument);
    two_partitions()->id = 7;
    check_refused(0, 7, ERROR_invalid_argument);
    two_partitions()->virtual_processor_count = 0;
    check_refused(0, 0, ERROR_not_found);
    two_partitions()->virtual_processor_count = PARTITION_PROCESSOR_LIMIT + 1;
    check_refused(0, 0, ERROR_not_found);
    two_partitions()->first_virtual_processor = 1;
    check_refused(0, 1, ERROR_not_found);
    two_partitions()->first_virtual_processor = ~0u;
    check_refused(0, ~0u, ERROR_not_found);
    (void)two_partitions();
    fake_view()->virtual_processors[1].processor = 1;
    check_refused(0, 0, ERROR_not_found);
    (void)two_partitions();
    fake_view()->virtual_processors[1].index = 0;
    check_refused(0, 0, ERROR_not_found);
    (void)two_partitions();
    fake_view()->virtual_processors[1].partition = 2;
    check_refused(0, 0, ERROR_not_found);
    two_partitions()->first_virtual_processor = 3; /* as many as there are, none behind */
    check_refused(0, 3, ERROR_not_found);
    two_partitions()->first_virtual_processor = 2; /* one there, one not */
    check_refused(0, 2, ERROR_not_found);
}

static void extents_are_refused(void)
{
    (void)two_partitions();
    fake_view()->extents[0].machine_frame = MONITOR_END_FRAME - 1;
    check_refused(0, MONITOR_END_FRAME - 1, ERROR_not_owner);
    (void)two_partitions();
    fake_view()->extents[0].machine_frame = FAKE_FRAME_COUNT - PARTITION_FRAME_COUNT + 1;
    check_refused(0, FAKE_FRAME_COUNT - PARTITION_FRAME_COUNT + 1, ERROR_not_owner);
    (void)two_partitions();
    fake_view()->extents[0].machine_frame = ~0ull - 4;
    check_refused(0, ~0ull - 4, ERROR_not_owner);
    (void)two_partitions();
    fake_view()->extents[0].frame_count = ~0ull - 4;
    check_refused(0, fake_frame(1, 0), ERROR_not_owner);
    /* One frame too many, though what lies behind the frame table looks free. */
    (void)two_partitions();
    fake_view()->extents[0].machine_frame = FAKE_FRAME_COUNT - 1;
    fake_view()->extents[0].frame_count = 2;
    memset(fake_words(1, 0), 0, PAGE_SIZE_BYTES);
    check_refused(0, FAKE_FRAME_COUNT - 1, ERROR_not_owner);
}

/* Two wrong extents of one partition: the first reason is kept, and nothing counted twice. */
static void first_refusal_is_kept(void)
{
    struct view_body *body;

    (void)two_partitions();
    body = fake_view();
    body->extents[0].machine_frame = MONITOR_END_FRAME - 2;
    body->extents[body->extent_count++] = (struct view_extent){
        .partition = 1, .machine_frame = MONITOR_END_FRAME - 1, .frame_count = 1};
    check_refused(0, MONITOR_END_FRAME - 2, ERROR_not_owner);
}

/* The extent that comes later in the view is the wrong one, and takes nothing. */
static void overlapping_extent_hurts_its_own_partition(void)
{
    struct view_extent *extents;

    (void)two_partitions();
    extents = fake_view()->extents;
    extents[1].machine_frame -= 1;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(fake_partition(2)->state, PARTITION_STOPPED);
    CHECK_EQUAL(fake_partition(2)->stop.reason, STOP_bad_start);
    CHECK_EQUAL(fake_partition(2)->stop.address, extents[1].machine_frame);
    CHECK_EQUAL(frame_get(fake_frame(1, PARTITION_FRAME_COUNT - 1))->owner, 1);
    CHECK_EQUAL(frame_get(fake_frame(2, 0))->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(fake_first(0)->id, 0);
}

static void pages_are_refused(void)
{
    two_partitions()->time_frame = fake_frame(2, OFFSET_TIME);
    check_refused(0, fake_frame(2, OFFSET_TIME), ERROR_not_owner);
    two_partitions()->hypercall_frame = FAKE_FRAME_COUNT;
    check_refused(0, FAKE_FRAME_COUNT, ERROR_not_owner);
    two_partitions()->hypercall_frame = fake_frame(1, OFFSET_TIME);
    check_refused(0, fake_frame(1, OFFSET_TIME), ERROR_type_conflict);
    two_partitions()->shared_first_frame = fake_frame(2, 0) - 1;
    check_refused(0, fake_frame(2, 0), ERROR_not_owner);
    two_partitions()->entry_address = NOT_CANONICAL;
    check_refused(0, NOT_CANONICAL, ERROR_invalid_argument);
    two_partitions()->stack_top_address = MONITOR_SLOTS_ADDRESS;
    check_refused(0, MONITOR_SLOTS_ADDRESS, ERROR_invalid_argument);
    two_partitions()->kernel_root_frame = fake_frame(1, OFFSET_L3);
    check_refused(4, fake_frame(1, OFFSET_L3), ERROR_type_conflict);
    two_partitions()->kernel_root_frame = fake_frame(2, OFFSET_L4);
    check_refused(4, fake_frame(2, OFFSET_L4), ERROR_not_owner);
}

static void tables_are_refused(void)
{
    (void)two_partitions();
    *fake_entry(1, OFFSET_FREE) = ENTRY_OF(fake_frame(2, OFFSET_FREE), ENTRY_READ);
    check_refused(1, fake_frame(1, OFFSET_L1), ERROR_not_owner);
    (void)two_partitions();
    *fake_entry(1, OFFSET_FREE) = ENTRY_OF(MONITOR_STATE_ADDRESS >> PAGE_SHIFT, ENTRY_DATA);
    check_refused(1, fake_frame(1, OFFSET_L1), ERROR_not_owner);
    (void)two_partitions();
    *fake_entry(1, OFFSET_L1) = ENTRY_OF(fake_frame(1, OFFSET_L1), ENTRY_DATA);
    check_refused(1, fake_frame(1, OFFSET_L1), ERROR_type_conflict);
    (void)two_partitions();
    *fake_entry(1, OFFSET_L2) = ENTRY_OF(fake_frame(1, OFFSET_L2), ENTRY_DATA);
    check_refused(2, fake_frame(1, OFFSET_L2), ERROR_type_conflict);
    (void)two_partitions();
    *fake_entry(1, OFFSET_TIME) = ENTRY_OF(fake_frame(1, OFFSET_TIME), ENTRY_DATA);
    check_refused(1, fake_frame(1, OFFSET_L1), ERROR_type_conflict);
    (void)two_partitions();
    fake_words(1, OFFSET_L3)[1] = ENTRY_OF(fake_frame(1, OFFSET_FREE), ENTRY_TABLE);
    check_refused(3, fake_frame(1, OFFSET_L3), ERROR_type_conflict);
    (void)two_partitions();
    fake_words(1, OFFSET_L4)[271] = 0x2;
    check_refused(4, fake_frame(1, OFFSET_L4), ERROR_invalid_argument);
}

/* Extra tables are welcome as long as they are tables: frame 4 is empty. */
static void empty_extra_table_is_pinned(void)
{
    two_partitions()->table_counts[3] = 2;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(frame_get(fake_frame(1, 4))->type, FRAME_TABLE_4);
    CHECK_EQUAL(frame_get(fake_frame(1, 4))->type_count, 1);
    two_partitions()->table_counts[3] = ~0u;
    check_refused(4, fake_frame(1, OFFSET_CODE), ERROR_type_conflict);
}

static void extent_of_nobody_is_nobody_s(void)
{
    (void)two_partitions();
    fake_view()->extents[2] = (struct view_extent){.machine_frame = 3000, .frame_count = 1};
    for (uint32_t index = 3; index < 6; index++) {
        fake_view()->extents[index] = fake_view()->extents[2];
    }
    fake_view()->extents[3].partition = PARTITION_LIMIT;
    fake_view()->extents[4].partition = 3; /* not in the view */
    fake_view()->extents[5].partition = ~0u;
    fake_view()->extent_count = 6;
    monitor_start();
    CHECK_EQUAL(frame_get(3000)->owner, FRAME_OWNER_FREE);
    CHECK_EQUAL(monitor_state()->running_partitions, 2);
}

static void io_partition_is_started(void)
{
    two_partitions()->kind = PARTITION_io;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(fake_first(0)->id, 0);
}

static void hosted_partition_is_started(void)
{
    two_partitions()->kind = PARTITION_hosted;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_RUNNING);
    CHECK_EQUAL(fake_first(0)->id, 0);
}

static void idle_partition_owns_but_does_not_run(void)
{
    two_partitions()->kind = PARTITION_idle;
    monitor_start();
    CHECK_EQUAL(fake_partition(1)->state, PARTITION_READY);
    CHECK_EQUAL(frame_get(fake_frame(1, 0))->owner, 1);
    CHECK_EQUAL(monitor_state()->running_partitions, 1);
}

/* A view that is wrong about the host is our mistake: the host stops with a reason. */
static void check_panics(void)
{
    jmp_buf back;

    fake_panic_text = "";
    fake_panic_return = &back;
    if (setjmp(back) == 0) {
        monitor_start();
        CHECK(false && "a malformed view was accepted");
    }
    fake_panic_return = NULL;
    CHECK(fake_panic_text[0] != '\0');
}

static void malformed_view_panics(void)
{
    struct view_region *region;

    (void)two_partitions();
    region = machine_pointer(VIEW_REGION_ADDRESS);
    region->header.magic++;
    check_panics();
    (void)two_partitions();
    region->header.version++;
    check_panics();
    (void)two_partitions();
    fake_view()->processor_count = PROCESSOR_LIMIT + 1;
    check_panics();
    (void)two_partitions();
    fake_view()->processor_count = 0;
    check_panics();
    (void)two_partitions();
    fake_view()->extent_count = EXTENT_LIMIT + 1;
    check_panics();
    (void)two_partitions();
    fake_view()->link_count = EVENT_LINK_LIMIT + 1;
    check_panics();
    (void)two_partitions();
    fake_view()->virtual_processor_count = VIRTUAL_PROCESSOR_LIMIT + 1;
    check_panics();
}

static void malformed_map_panics(void)
{
    (void)two_partitions();
    fake_view()->processors[0].slots[1].start_cycles++;
    check_panics();
    (void)two_partitions();
    fake_view()->processors[0].period_cycles++;
    check_panics();
    (void)two_partitions();
    fake_view()->processors[0].slots[1].virtual_processor = 3;
    check_panics();
    (void)two_partitions();
    fake_view()->processors[0].slots[1].quantum_cycles = QUANTUM_MINIMUM_CYCLES - 1;
    check_panics();
    (void)two_partitions();
    fake_view()->processors[0].slot_count = SLOT_LIMIT + 1;
    check_panics();
    (void)two_partitions();
    fake_view()->virtual_processors[0].processor = 1; /* in the map of another */
    check_panics();
    (void)two_partitions();
    fake_view()->processors[0].slots[1].quantum_cycles = 0ull - 1000; /* the sum wraps */
    fake_view()->processors[0].period_cycles = 0;
    check_panics();
}

static void largest_map_and_smallest_quantum_are_accepted(void)
{
    (void)two_partitions();
    while (fake_view()->processors[0].slot_count < SLOT_LIMIT) {
        fake_slot_add(0, 2, QUANTUM_MINIMUM_CYCLES, 0);
    }
    monitor_start();
    CHECK_EQUAL(fake_first(0)->id, 0);
    fake_times[0] = 1000 + 1000 + 16 * 126;
    CHECK_EQUAL(fake_enter(record_get(0), ENTRY_TIMER, 0)->id, 2);
    CHECK_EQUAL(fake_deadlines[0], 2000);
}

static const struct test tests[] = {
    {"frames_have_owners_types_and_counts", frames_have_owners_types_and_counts},
    {"pages_are_filled", pages_are_filled},
    {"first_processor_begins", first_processor_begins},
    {"other_body_of_the_view_is_read", other_body_of_the_view_is_read},
    {"records_are_refused", records_are_refused},
    {"extents_are_refused", extents_are_refused},
    {"first_refusal_is_kept", first_refusal_is_kept},
    {"overlapping_extent_hurts_its_own_partition", overlapping_extent_hurts_its_own_partition},
    {"pages_are_refused", pages_are_refused},
    {"tables_are_refused", tables_are_refused},
    {"empty_extra_table_is_pinned", empty_extra_table_is_pinned},
    {"extent_of_nobody_is_nobody_s", extent_of_nobody_is_nobody_s},
    {"io_partition_is_started", io_partition_is_started},
    {"hosted_partition_is_started", hosted_partition_is_started},
    {"idle_partition_owns_but_does_not_run", idle_partition_owns_but_does_not_run},
    {"malformed_view_panics", malformed_view_panics},
    {"malformed_map_panics", malformed_map_panics},
    {"largest_map_and_smallest_quantum_are_accepted",
     largest_map_and_smallest_quantum_are_accepted},
    {0, 0},
};

const struct suite suite_start = {"start", tests};
