/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of one partition: its records, the pages that the monitor fills, its
 * initial tables by the same checks that a guest's own calls go through. Called by
 * generation.c and grant.c. A refusal stops the partition and hurts no other.
 */
#include "start_partition.h"

#include "frames.h"
#include "memory.h"
#include "partition.h"
#include "processor.h"
#include "roots.h"
#include "tables.h"

#define INT3_OPCODE 0xcc

_Static_assert(HYPERCALL_COUNT *HYPERCALL_STUB_SIZE_BYTES <= PAGE_SIZE_BYTES,
               "the hypercall page is one page");

void start_refuse(uint32_t partition, uint32_t level, uint64_t address, enum error error)
{
    struct partition *refused = &monitor_state()->partitions[partition];
    struct stop_record *stop;

    if (!partition_is_living(refused) && refused->state != PARTITION_READY) {
        return;
    }
    stop = partition_stop(refused, STOP_bad_start, PROCESSOR_NONE);
    stop->vector = level;
    stop->error_code = (uint64_t)error;
    stop->address = address;
}

static bool width_is_good(uint32_t width)
{
    return width == 32 || width == 64;
}

/* Whether the view's virtual processors of a partition are what its own record says. */
static bool records_are_good(const struct view_body *body, const struct view_partition *view,
                             uint32_t id)
{
    uint32_t first = view->first_virtual_processor;
    uint32_t count = view->virtual_processor_count;

    if (count < 1 || count > PARTITION_PROCESSOR_LIMIT || first > body->virtual_processor_count ||
        count > body->virtual_processor_count - first) {
        return false;
    }
    for (uint32_t index = 0; index < count; index++) {
        const struct view_virtual_processor *record = &body->virtual_processors[first + index];

        if (record->partition != id || record->index != index ||
            record->processor >= body->processor_count) {
            return false;
        }
    }
    return true;
}

/* Numbers of records are used again only when nothing of their last partition is left. */
static bool records_are_absent(const struct view_partition *view)
{
    for (uint32_t index = 0; index < view->virtual_processor_count; index++) {
        if (record_get(view->first_virtual_processor + index)->state != VIRTUAL_PROCESSOR_ABSENT) {
            return false;
        }
    }
    return true;
}

bool start_is_as_before(const struct view_body *body, uint32_t id)
{
    const struct view_partition *view = &body->partitions[id];
    const struct partition *partition = &monitor_state()->partitions[id];

    if (view->id != id || view->width != partition->width ||
        view->first_virtual_processor != partition->first_virtual_processor ||
        view->virtual_processor_count != partition->virtual_processor_count ||
        !records_are_good(body, view, id)) {
        return false;
    }
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        uint32_t record = partition->first_virtual_processor + index;

        if (record_get(record)->processor != body->virtual_processors[record].processor) {
            return false;
        }
    }
    return true;
}

static void start_record(const struct view_body *body, const struct view_partition *view,
                         uint32_t index)
{
    uint32_t id = view->first_virtual_processor + index;
    struct virtual_processor *record = record_get(id);

    memory_clear(record, sizeof(*record));
    record->id = id;
    record->partition = body->virtual_processors[id].partition;
    record->index = index;
    record->processor = body->virtual_processors[id].processor;
    record->width = (uint16_t)view->width;
    record->state = VIRTUAL_PROCESSOR_STOPPED;
    platform_context_reset(record);
}

void start_partition_records(const struct view_body *body, uint32_t id)
{
    const struct view_partition *view = &body->partitions[id];
    struct partition *partition = &monitor_state()->partitions[id];

    memory_clear(partition, sizeof(*partition));
    partition->id = id;
    partition->state = PARTITION_READY;
    partition->incarnation = view->incarnation;
    partition->first_extent = view->first_extent;
    partition->extent_count = view->extent_count;
    partition->trace_enabled = 1;
    partition->width = view->width;
    if (!view_partition_runs(view)) {
        return;
    }
    if (!records_are_good(body, view, id)) {
        start_refuse(id, 0, view->first_virtual_processor, ERROR_not_found);
        return;
    }
    if (!records_are_absent(view)) {
        start_refuse(id, 0, view->first_virtual_processor, ERROR_busy);
        return;
    }
    partition->first_virtual_processor = view->first_virtual_processor;
    partition->virtual_processor_count = view->virtual_processor_count;
    for (uint32_t index = 0; index < view->virtual_processor_count; index++) {
        start_record(body, view, index);
    }
    if (view->id != id || !width_is_good(view->width)) {
        start_refuse(id, 0, view->id != id ? view->id : view->width, ERROR_invalid_argument);
    }
}

/* A page that the monitor writes: owned by the partition, and of one type from now on. */
static bool start_page_take(uint32_t id, uint64_t frame, enum frame_type type)
{
    enum error error = ERROR_not_owner;

    if (frame_is_owned(frame, id)) {
        error = frame_take(frame, type);
    }
    if (error != ERROR_none) {
        start_refuse(id, 0, frame, error);
    }
    return error == ERROR_none;
}

static void header_write(struct page_header *header, uint32_t magic, uint64_t size_bytes)
{
    header->magic = magic;
    header->version = ABI_VERSION;
    header->reserved0 = 0;
    header->size_bytes = (uint32_t)size_bytes;
    header->reserved1 = 0;
}

static bool start_shared_pages(const struct view_partition *view, uint32_t id)
{
    for (uint32_t index = 0; index < view->virtual_processor_count; index++) {
        uint64_t frame = view->shared_first_frame + index;
        struct shared_page *page;

        if (!start_page_take(id, frame, FRAME_WRITABLE)) {
            return false;
        }
        page = machine_pointer(frame << PAGE_SHIFT);
        header_write(&page->header, PAGE_MAGIC_SHARED, sizeof(*page));
        page->events_masked = 1;
        record_get(view->first_virtual_processor + index)->shared_frame = frame;
    }
    return true;
}

static bool start_time_page(const struct view_body *body, const struct view_partition *view,
                            uint32_t id)
{
    struct time_page *page;

    if (!start_page_take(id, view->time_frame, FRAME_READ_ONLY)) {
        return false;
    }
    page = machine_pointer(view->time_frame << PAGE_SHIFT);
    header_write(&page->header, PAGE_MAGIC_TIME, sizeof(*page));
    page->clock_frequency_hz = body->clock_frequency_hz;
    monitor_state()->partitions[id].time_frame = view->time_frame;
    return true;
}

/* mov $number, %eax; syscall or int $0x82; ret; int3 ... */
static void hypercall_page_write(uint8_t *page, uint32_t width)
{
    for (uint32_t offset = 0; offset < PAGE_SIZE_BYTES; offset++) {
        page[offset] = INT3_OPCODE;
    }
    for (uint32_t number = 0; number < HYPERCALL_COUNT; number++) {
        uint8_t *stub = page + number * HYPERCALL_STUB_SIZE_BYTES;

        stub[0] = 0xb8;
        stub[1] = (uint8_t)number;
        stub[2] = (uint8_t)(number >> 8);
        stub[3] = 0;
        stub[4] = 0;
        stub[5] = width == 32 ? 0xcd : 0x0f;
        stub[6] = width == 32 ? HYPERCALL_VECTOR : 0x05;
        stub[7] = 0xc3;
    }
}

static bool start_hypercall_page(const struct view_partition *view, uint32_t id)
{
    /* It gets its type by being mapped; here it only must not have another one. */
    if (!start_page_take(id, view->hypercall_frame, FRAME_EXECUTABLE)) {
        return false;
    }
    frame_drop(view->hypercall_frame, FRAME_EXECUTABLE);
    hypercall_page_write(machine_pointer(view->hypercall_frame << PAGE_SHIFT), view->width);
    return true;
}

static uint32_t tables_level(const struct view_partition *view, uint32_t number)
{
    for (uint32_t level = 1; level <= 4; level++) {
        if (number < view->table_counts[level - 1]) {
            return level;
        }
        number -= view->table_counts[level - 1];
    }
    return 0;
}

/* The next few of its tables; level 0 ends them. */
static bool start_tables(const struct view_partition *view, struct partition *partition)
{
    for (uint32_t count = 0; count < VIEW_STEP_TABLE_LIMIT; count++) {
        uint32_t level = tables_level(view, partition->pinned_count);
        uint64_t frame = view->table_first_frame + partition->pinned_count;
        enum error error;

        if (level == 0) {
            return true;
        }
        error = table_pin(partition->id, frame, level);
        if (error != ERROR_none) {
            start_refuse(partition->id, level, frame, error);
            return false;
        }
        partition->pinned_count++;
    }
    return false;
}

static bool start_first_processor(const struct view_partition *view, uint32_t id)
{
    struct virtual_processor *record = record_get(view->first_virtual_processor);
    struct processor_start start = processor_start_first(
        view->width, view->entry_address, view->stack_top_address, view->start_page_address);
    enum error error;

    if (!address_is_own(record, view->entry_address) ||
        !address_is_own(record, view->stack_top_address)) {
        start_refuse(id, 0,
                     address_is_own(record, view->entry_address) ? view->stack_top_address
                                                                 : view->entry_address,
                     ERROR_invalid_argument);
        return false;
    }
    error = root_take(id, view->kernel_root_frame);
    if (error != ERROR_none) {
        start_refuse(id, width_root_level(view->width), view->kernel_root_frame, error);
        return false;
    }
    start.kernel_root_frame = view->kernel_root_frame;
    processor_reset(record, &start);
    record->state = VIRTUAL_PROCESSOR_RUNNABLE;
    return true;
}

/* Each refuses the partition itself; the first that does ends the start. */
static bool start_prepare(const struct view_body *body, const struct view_partition *view,
                          struct partition *partition)
{
    if (partition->prepared == 0) {
        partition->prepared = 1;
        return start_time_page(body, view, partition->id) &&
               start_shared_pages(view, partition->id) && start_hypercall_page(view, partition->id);
    }
    return true;
}

/* From now on it counts as running, and its processor looks at it. */
static void start_go(const struct view_partition *view, struct partition *partition,
                     uint32_t calling_processor)
{
    struct virtual_processor *record = record_get(view->first_virtual_processor);

    monitor_state()->running_partitions++;
    partition->state = PARTITION_RUNNING;
    if (view->state == VIEW_STATE_paused) {
        partition->state = PARTITION_PAUSED;
        processor_pause(record);
    }
    if (record->processor != calling_processor &&
        monitor_state()->progress.acknowledged_generation != 0) {
        platform_kick(record->processor);
    }
}

bool start_partition(const struct view_body *body, uint32_t id, uint32_t calling_processor)
{
    const struct view_partition *view = &body->partitions[id];
    struct partition *partition = &monitor_state()->partitions[id];

    if (!start_prepare(body, view, partition) || !start_tables(view, partition)) {
        return partition->state != PARTITION_READY;
    }
    if (start_first_processor(view, id)) {
        start_go(view, partition, calling_processor);
    }
    return true;
}
