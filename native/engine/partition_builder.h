/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A partition's memory while it is laid out; shared by partition_builder.c, partition_place.c and
 * initial_tables.c.
 */
#ifndef PARTITION_BUILDER_H
#define PARTITION_BUILDER_H

#include "machine.h"

#define SEGMENT_LIMIT 64u
#define RANGE_LIMIT (SEGMENT_LIMIT + 8u + 2u * PARTITION_EXTENT_LIMIT)

struct range {
    uint64_t address;
    uint64_t guest_frame;
    uint64_t machine_frame;
    uint64_t frame_count;
    bool writable;
    bool executable;
    bool direct; /* of the direct map: own memory is writable there as far as it may be */
};

/* Where a guest of one width finds what the host gives it. */
struct address_map {
    uint64_t direct; /* of all its memory once more */
    uint64_t boot_area; /* one level-1 table's worth: stack, start, calls, time, shared pages */
    uint64_t direct_limit_bytes;
    unsigned root_level; /* 0: lowest */
    bool user; /* kernel pages are user's for the processor */
};

struct builder {
    struct machine *machine;
    const struct partition_options *options;
    const struct address_map *map;
    const struct build_place *place;
    uint64_t first_frame; /* machine frame of guest frame 0 */
    uint64_t frame_count; /* of the first extent, in which everything is built */
    uint64_t used; /* guest frames laid out so far */
    struct range ranges[RANGE_LIMIT];
    uint32_t range_count;
    uint64_t start, calls, time, shared; /* guest frames */
    uint64_t tables; /* guest frame of the first table */
    uint64_t table_counts[4];
    uint64_t *prefixes[4]; /* for each level: which address prefixes have a table, sorted */
};

static inline uint8_t *frame_bytes(const struct builder *builder, uint64_t guest_frame)
{
    return builder->machine->memory.base + (builder->first_frame + guest_frame) * PAGE_SIZE_BYTES;
}

/* partition_builder.c: all of it, or the frames are as they were. Options and place are checked. */
int partition_build(struct builder *builder, const struct image_segment *segments,
                    uint32_t segment_count);
/* Whether a partition can have these options, at any place. */
int partition_check(struct machine *machine, const struct partition_options *options);
void partition_layout_of(const struct builder *builder, struct partition_layout *layout);
void builder_open(struct builder *builder, struct machine *machine, const struct build_place *place,
                  const struct partition_options *options);
void builder_close(struct builder *builder);
/* How much of guest-physical memory the direct map of a width reaches. */
uint64_t partition_memory_limit_bytes(uint32_t width);

/* Decides which tables are needed and where they lie; after all ranges are known. */
int tables_plan(struct builder *builder);
/* Writes them: every range. */
void tables_write(struct builder *builder);
/* Guest frame of the level's table (0: lowest) that covers an address. */
uint64_t tables_frame(const struct builder *builder, unsigned level, uint64_t address);

#endif
