/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a partition while the machine lives: into frames that nobody owns, where the resource
 * database wants it. Nobody sees it before the view names it. Called from Python.
 */
#include <stdlib.h>

#include "partition_builder.h"

static int fail(const struct builder *builder, const char *what, uint64_t frame)
{
    return machine_fail(builder->machine, NATIVE_INVALID, "%s: %s at guest frame %#llx",
                        builder->options->name, what, (unsigned long long)frame);
}

static bool meet(uint64_t first, uint64_t count, uint64_t other, uint64_t other_count)
{
    return first < other + other_count && other < first + count;
}

/* One range against those before it. */
static int check_range(struct builder *builder, const struct build_range *const *ranges,
                       uint32_t index)
{
    const struct build_range *range = ranges[index];
    uint64_t limit = partition_memory_limit_bytes(builder->options->width) / PAGE_SIZE_BYTES;
    if (range->frame_count == 0 || range->guest_frame > limit ||
        range->frame_count > limit - range->guest_frame) {
        return fail(builder, "memory that its direct map does not reach", range->guest_frame);
    }
    int use = machine_frames_use(builder->machine, range->machine_frame, range->frame_count);
    if (use < 0) {
        return use;
    }
    if (index < builder->place->extent_count && use != FRAME_USE_FREE) {
        return fail(builder, "frames that are not free", range->guest_frame);
    }
    for (uint32_t before = 0; before < index; before++) {
        const struct build_range *other = ranges[before];
        if (meet(range->guest_frame, range->frame_count, other->guest_frame, other->frame_count) ||
            meet(range->machine_frame, range->frame_count, other->machine_frame,
                 other->frame_count)) {
            return fail(builder, "memory that is there twice", range->guest_frame);
        }
    }
    return NATIVE_OK;
}

static int check_place(struct builder *builder)
{
    const struct build_place *place = builder->place;
    const struct build_range *ranges[2 * PARTITION_EXTENT_LIMIT];
    if (place->partition == 0 || place->partition >= PARTITION_LIMIT) {
        return machine_fail(builder->machine, NATIVE_LIMIT, "partitions are 1 to %d",
                            PARTITION_LIMIT - 1);
    }
    if (place->channel_count > PARTITION_EXTENT_LIMIT || place->extents[0].guest_frame != 0) {
        return fail(builder, "no memory at guest frame 0, or too many channels",
                    place->extents[0].guest_frame);
    }
    uint32_t count = 0;
    for (uint32_t index = 0; index < place->extent_count; index++) {
        ranges[count++] = &place->extents[index];
    }
    for (uint32_t index = 0; index < place->channel_count; index++) {
        ranges[count++] = &place->channels[index];
    }
    int result = NATIVE_OK;
    for (uint32_t index = 0; result == NATIVE_OK && index < count; index++) {
        result = check_range(builder, ranges, index);
    }
    return result;
}

int machine_partition_build(struct machine *machine, const struct build_place *place,
                            const struct partition_options *options,
                            const struct image_segment *segments, uint32_t segment_count,
                            struct partition_layout *layout)
{
    if (!machine->booted || machine->failed) {
        return machine_fail(machine, NATIVE_STATE, "only a booted machine that has not failed");
    }
    if (place->extent_count < 1 || place->extent_count > PARTITION_EXTENT_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "%s: 1 to %d extents", options->name,
                            PARTITION_EXTENT_LIMIT);
    }
    int result = partition_check(machine, options);
    if (result != NATIVE_OK) {
        return result;
    }
    struct builder *builder = malloc(sizeof *builder);
    if (builder == NULL) {
        return machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for a partition");
    }
    builder_open(builder, machine, place, options);
    result = check_place(builder);
    if (result == NATIVE_OK) {
        result = partition_build(builder, segments, segment_count);
    }
    if (result == NATIVE_OK) {
        partition_layout_of(builder, layout);
    }
    builder_close(builder);
    return result;
}
