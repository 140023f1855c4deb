/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lays out a partition's memory: image, stack, start page, call page, time and shared pages,
 * and the initial page tables, which the monitor then validates like any others. All that is
 * in the first extent; guest frames count from its beginning in this order: segments, stack,
 * start, calls, time, shared pages, tables (all level 1, then 2, 3, 4), free. Before the boot,
 * machine_partition_add puts one extent behind the other; afterwards see partition_place.c.
 */
#include <stdlib.h>
#include <string.h>

#include "partition_builder.h"

#define BOOT_AREA_SLOT 273u
#define ADDRESS_LIMIT_32 0x100000000ull
#define START_OFFSET 0x0ull
#define CALLS_OFFSET 0x1000ull
#define TIME_OFFSET 0x2000ull
#define SHARED_OFFSET 0x10000ull
#define STACK_OFFSET 0x100000ull
#define STACK_FRAMES 16u

static const struct address_map map_64 = {
    0xffff880000000000ull, /* L4 slot 272 */
    0xffff888000000000ull, /* L4 slot 273 */
    1ull << 39,
    3,
    true,
};
static const struct address_map map_32 = {0xc0000000ull, 0xff000000ull, 0x20000000ull, 2, false};

uint64_t partition_memory_limit_bytes(uint32_t width)
{
    return width == 32 ? map_32.direct_limit_bytes : map_64.direct_limit_bytes;
}

static struct range *add_range(struct builder *builder, uint64_t address, uint64_t frame_count,
                               bool writable, bool executable)
{
    struct range *range = &builder->ranges[builder->range_count++];
    range->address = address;
    range->guest_frame = builder->used;
    range->machine_frame = builder->first_frame + builder->used;
    range->frame_count = frame_count;
    range->writable = writable;
    range->executable = executable;
    builder->used += frame_count;
    return range;
}

static uint64_t pages(uint64_t size_bytes)
{
    return size_bytes / PAGE_SIZE_BYTES + (size_bytes % PAGE_SIZE_BYTES != 0);
}

static bool overlaps(uint64_t address, uint64_t end, uint64_t first, uint64_t size_bytes)
{
    return address < first + size_bytes && end >= first;
}

/* Whether a segment lies where only the guest's own pages are; `end` is its last byte. */
static bool is_placed(const struct builder *builder, uint64_t address, uint64_t end)
{
    const struct address_map *map = builder->map;
    if (builder->options->width == 32) {
        return end < ADDRESS_LIMIT_32 &&
               !overlaps(address, end, map->direct, map->direct_limit_bytes) &&
               end < map->boot_area;
    }
    for (uint64_t at = address >> 39; at <= end >> 39; at++) {
        uint64_t slot = at & (TABLE_ENTRY_COUNT - 1);
        if (slot >= MONITOR_SLOT_FIRST && slot <= BOOT_AREA_SLOT) {
            return false;
        }
    }
    return true;
}

static int check_segment(struct builder *builder, const struct image_segment *segment)
{
    uint64_t frames = pages(segment->size_bytes);
    uint64_t end = segment->address + frames * PAGE_SIZE_BYTES - 1;
    bool canonical = (int64_t)(segment->address << 16) >> 16 == (int64_t)segment->address &&
                     (int64_t)(end << 16) >> 16 == (int64_t)end;
    if (segment->size_bytes == 0 || segment->address % PAGE_SIZE_BYTES != 0 || !canonical ||
        end < segment->address || segment->data_size_bytes > segment->size_bytes ||
        (segment->writable != 0 && segment->executable != 0)) {
        return machine_fail(builder->machine, NATIVE_INVALID,
                            "segment at %#llx of %s is not lawful",
                            (unsigned long long)segment->address, builder->options->name);
    }
    if (!is_placed(builder, segment->address, end)) {
        return machine_fail(builder->machine, NATIVE_INVALID,
                            builder->options->width == 32
                                ? "segment at %#llx of %s is not below 3 GiB, nor in 3.5 GiB to "
                                  "0xfeffffff"
                                : "segment at %#llx of %s lies in L4 slots 256 to 273",
                            (unsigned long long)segment->address, builder->options->name);
    }
    if (frames > builder->frame_count - builder->used) {
        return machine_fail(builder->machine, NATIVE_NO_MEMORY, "%s needs more than its %llu KiB",
                            builder->options->name,
                            (unsigned long long)(builder->options->memory_size_bytes >> 10));
    }
    return NATIVE_OK;
}

static int add_segments(struct builder *builder, const struct image_segment *segments,
                        uint32_t segment_count)
{
    if (segment_count == 0 || segment_count > SEGMENT_LIMIT) {
        return machine_fail(builder->machine, NATIVE_LIMIT, "%s has %u segments, not 1 to %u",
                            builder->options->name, segment_count, SEGMENT_LIMIT);
    }
    for (uint32_t index = 0; index < segment_count; index++) {
        const struct image_segment *segment = &segments[index];
        int result = check_segment(builder, segment);
        if (result != NATIVE_OK) {
            return result;
        }
        const struct range *range = add_range(builder, segment->address, pages(segment->size_bytes),
                                              segment->writable != 0, segment->executable != 0);
        memcpy(frame_bytes(builder, range->guest_frame), segment->data, segment->data_size_bytes);
    }
    return NATIVE_OK;
}

static void add_boot_area(struct builder *builder)
{
    uint64_t base = builder->map->boot_area;
    (void)add_range(builder, base + STACK_OFFSET, STACK_FRAMES, true, false);
    builder->start = add_range(builder, base + START_OFFSET, 1, false, false)->guest_frame;
    builder->calls = add_range(builder, base + CALLS_OFFSET, 1, false, true)->guest_frame;
    builder->time = add_range(builder, base + TIME_OFFSET, 1, false, false)->guest_frame;
    builder->shared = add_range(builder, base + SHARED_OFFSET,
                                builder->options->virtual_processor_count, true, false)
                          ->guest_frame;
    builder->tables = builder->used;
}

/* All memory once more, and the channels. */
static void add_direct_map(struct builder *builder)
{
    const struct build_place *place = builder->place;
    for (uint32_t index = 0; index < place->extent_count + place->channel_count; index++) {
        bool is_extent = index < place->extent_count;
        const struct build_range *from =
            is_extent ? &place->extents[index] : &place->channels[index - place->extent_count];
        builder->ranges[builder->range_count++] = (struct range){
            .address = builder->map->direct + from->guest_frame * PAGE_SIZE_BYTES,
            .guest_frame = from->guest_frame,
            .machine_frame = from->machine_frame,
            .frame_count = from->frame_count,
            .writable = is_extent || from->writable != 0,
            .direct = true,
        };
    }
}

static uint64_t stack_top(const struct builder *builder)
{
    return builder->map->boot_area + STACK_OFFSET + STACK_FRAMES * PAGE_SIZE_BYTES;
}

static void write_extents(const struct builder *builder, struct start_page *start)
{
    const struct build_place *place = builder->place;
    start->extent_count = place->extent_count;
    for (uint32_t index = 0; index < place->extent_count; index++) {
        const struct build_range *extent = &place->extents[index];
        start->extents[index] =
            (struct extent){extent->guest_frame, extent->machine_frame, extent->frame_count};
        start->memory_size_bytes += extent->frame_count * PAGE_SIZE_BYTES;
    }
    start->control_channel_address = place->control_channel_address;
}

static void write_start_page(struct builder *builder, const struct range *image,
                             uint32_t segment_count)
{
    struct start_page *start = (struct start_page *)(void *)frame_bytes(builder, builder->start);
    const struct partition_options *options = builder->options;
    start->header.magic = PAGE_MAGIC_START;
    start->header.version = ABI_VERSION;
    start->header.size_bytes = sizeof *start;
    start->partition = builder->place->partition;
    start->virtual_processor_count = options->virtual_processor_count;
    write_extents(builder, start);
    strncpy(start->name, options->name, NAME_LIMIT - 1);
    strncpy(start->command_line, options->command_line, COMMAND_LINE_LIMIT - 1);
    start->random_seed =
        memory_hash(start->name, NAME_LIMIT, mix64(builder->machine->options.seed));
    start->clock_frequency_hz = builder->machine->options.clock_frequency_hz;
    start->direct_map_address = builder->map->direct;
    start->hypercall_page_address = builder->map->boot_area + CALLS_OFFSET;
    start->time_page_address = builder->map->boot_area + TIME_OFFSET;
    start->shared_pages_address = builder->map->boot_area + SHARED_OFFSET;
    start->stack_top_address = stack_top(builder);
    start->kernel_root_frame =
        builder->first_frame + tables_frame(builder, builder->map->root_level, 0);
    start->first_free_guest_frame = builder->used;
    start->image_address = UINT64_MAX;
    for (uint32_t index = 0; index < segment_count; index++) {
        uint64_t end = image[index].address + image[index].frame_count * PAGE_SIZE_BYTES;
        start->image_address = image[index].address < start->image_address ? image[index].address
                                                                           : start->image_address;
        start->image_end_address = end > start->image_end_address ? end : start->image_end_address;
    }
}

void partition_layout_of(const struct builder *builder, struct partition_layout *layout)
{
    memset(layout, 0, sizeof *layout);
    layout->entry_address = builder->options->entry_address;
    layout->stack_top_address = stack_top(builder);
    layout->start_page_address = builder->map->boot_area + START_OFFSET;
    layout->hypercall_frame = builder->first_frame + builder->calls;
    layout->time_frame = builder->first_frame + builder->time;
    layout->shared_first_frame = builder->first_frame + builder->shared;
    layout->kernel_root_frame =
        builder->first_frame + tables_frame(builder, builder->map->root_level, 0);
    layout->table_first_frame = builder->first_frame + builder->tables;
    for (unsigned level = 0; level < 4; level++) {
        layout->table_counts[level] = (uint32_t)builder->table_counts[level];
    }
    layout->first_free_guest_frame = builder->used;
}

static void write_layout(const struct builder *builder, struct view_partition *partition)
{
    struct partition_layout layout;
    partition_layout_of(builder, &layout);
    partition->entry_address = layout.entry_address;
    partition->stack_top_address = layout.stack_top_address;
    partition->start_page_address = layout.start_page_address;
    partition->hypercall_frame = layout.hypercall_frame;
    partition->time_frame = layout.time_frame;
    partition->shared_first_frame = layout.shared_first_frame;
    partition->kernel_root_frame = layout.kernel_root_frame;
    partition->table_first_frame = layout.table_first_frame;
    memcpy(partition->table_counts, layout.table_counts, sizeof layout.table_counts);
}

static void write_view(struct builder *builder, uint32_t id)
{
    struct view_body *view = builder->machine->view;
    struct view_partition *partition = &view->partitions[id];
    const struct partition_options *options = builder->options;
    partition->id = id;
    partition->kind = options->kind;
    partition->state = VIEW_STATE_running;
    partition->incarnation = 1;
    partition->width = options->width;
    partition->rights = options->rights;
    partition->first_extent = view->extent_count;
    partition->extent_count = 1;
    partition->first_virtual_processor = view->virtual_processor_count;
    partition->virtual_processor_count = options->virtual_processor_count;
    write_layout(builder, partition);
    strncpy(partition->name, options->name, NAME_LIMIT - 1);
    struct view_extent *extent = &view->extents[view->extent_count++];
    extent->partition = id;
    extent->guest_frame = 0;
    extent->machine_frame = builder->first_frame;
    extent->frame_count = builder->frame_count;
    for (uint32_t index = 0; index < options->virtual_processor_count; index++) {
        struct view_virtual_processor *record =
            &view->virtual_processors[view->virtual_processor_count++];
        record->partition = id;
        record->index = index;
        record->processor = options->processors[index];
    }
}

int partition_check(struct machine *machine, const struct partition_options *options)
{
    if ((options->width != 64 && options->width != 32) || options->virtual_processor_count < 1 ||
        options->virtual_processor_count > PARTITION_PROCESSOR_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT,
                            "%s: width must be 64 or 32, virtual processors 1 to %d", options->name,
                            PARTITION_PROCESSOR_LIMIT);
    }
    if (options->kind == PARTITION_hosted &&
        (options->width != 64 || options->virtual_processor_count != 1)) {
        return machine_fail(machine, NATIVE_INVALID,
                            "%s: a hosted partition has 64 bits and one virtual processor",
                            options->name);
    }
    for (uint32_t index = 0; index < options->virtual_processor_count; index++) {
        if (options->processors[index] >= machine->options.processor_count) {
            return machine_fail(machine, NATIVE_INVALID, "%s: there is no processor %u",
                                options->name, options->processors[index]);
        }
    }
    return NATIVE_OK;
}

static int check_added(struct machine *machine, const struct partition_options *options)
{
    uint64_t free_frames = machine->device_first_frame - machine->next_free_frame;
    if (machine->booted || machine->partition_count + 1 >= PARTITION_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT,
                            machine->booted ? "the machine has booted already"
                                            : "there are too many partitions");
    }
    int result = partition_check(machine, options);
    if (result != NATIVE_OK) {
        return result;
    }
    if (machine->view->virtual_processor_count + options->virtual_processor_count >
        VIRTUAL_PROCESSOR_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "%s: there are %d virtual processors at most",
                            options->name, VIRTUAL_PROCESSOR_LIMIT);
    }
    if (options->memory_size_bytes == 0 ||
        options->memory_size_bytes / PAGE_SIZE_BYTES > free_frames) {
        return machine_fail(machine, NATIVE_NO_MEMORY,
                            "%s wants %llu KiB, but the machine has %llu KiB left", options->name,
                            (unsigned long long)(options->memory_size_bytes >> 10),
                            (unsigned long long)(free_frames * PAGE_SIZE_BYTES >> 10));
    }
    if (options->width == 32 && options->memory_size_bytes > map_32.direct_limit_bytes) {
        return machine_fail(machine, NATIVE_LIMIT,
                            "%s: a 32-bit partition has at most %llu MiB of memory", options->name,
                            (unsigned long long)(map_32.direct_limit_bytes >> 20));
    }
    return NATIVE_OK;
}

static int build(struct builder *builder, const struct image_segment *segments,
                 uint32_t segment_count)
{
    int result = add_segments(builder, segments, segment_count);
    if (result != NATIVE_OK) {
        return result;
    }
    if (builder->frame_count - builder->used < STACK_FRAMES + 3 + PARTITION_PROCESSOR_LIMIT) {
        return machine_fail(builder->machine, NATIVE_NO_MEMORY, "%s needs more than its %llu KiB",
                            builder->options->name,
                            (unsigned long long)(builder->options->memory_size_bytes >> 10));
    }
    add_boot_area(builder);
    add_direct_map(builder);
    result = tables_plan(builder);
    if (result == NATIVE_OK) {
        tables_write(builder);
        write_start_page(builder, builder->ranges, segment_count);
    }
    return result;
}

/* A partition that was refused leaves its memory to the next one as it found it. */
static void scrub(const struct builder *builder)
{
    uint64_t used = builder->used < builder->frame_count ? builder->used : builder->frame_count;
    memset(frame_bytes(builder, 0), 0, used * PAGE_SIZE_BYTES);
}

void builder_open(struct builder *builder, struct machine *machine, const struct build_place *place,
                  const struct partition_options *options)
{
    memset(builder, 0, sizeof *builder);
    builder->machine = machine;
    builder->place = place;
    builder->options = options;
    builder->map = options->width == 32 ? &map_32 : &map_64;
    builder->first_frame = place->extents[0].machine_frame;
    builder->frame_count = place->extents[0].frame_count;
}

int partition_build(struct builder *builder, const struct image_segment *segments,
                    uint32_t segment_count)
{
    int result = build(builder, segments, segment_count);
    if (result != NATIVE_OK) {
        scrub(builder);
    }
    return result;
}

void builder_close(struct builder *builder)
{
    for (unsigned level = 0; level < 4; level++) {
        free(builder->prefixes[level]);
    }
    free(builder);
}

int machine_partition_add(struct machine *machine, const struct partition_options *options,
                          const struct image_segment *segments, uint32_t segment_count)
{
    int result = check_added(machine, options);
    if (result != NATIVE_OK) {
        return result;
    }
    const struct build_range extent = {
        .machine_frame = machine->next_free_frame,
        .frame_count = options->memory_size_bytes / PAGE_SIZE_BYTES,
    };
    const struct build_place place = {
        .partition = machine->partition_count + 1,
        .extent_count = 1,
        .extents = &extent,
    };
    struct builder *builder = malloc(sizeof *builder);
    if (builder == NULL) {
        return machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for a partition");
    }
    builder_open(builder, machine, &place, options);
    result = partition_build(builder, segments, segment_count);
    if (result == NATIVE_OK) {
        write_view(builder, place.partition);
        machine->next_free_frame += extent.frame_count;
        machine->partition_count = place.partition;
        result = (int)place.partition;
    }
    builder_close(builder);
    return result;
}
