/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A partition's memory while it is laid out; shared by partition_builder.c and initial_tables.c. */
#ifndef PARTITION_BUILDER_H
#define PARTITION_BUILDER_H

#include "machine.h"

#define SEGMENT_LIMIT 64u
#define RANGE_LIMIT (SEGMENT_LIMIT + 8u)

struct range {
    uint64_t address;
    uint64_t guest_frame;
    uint64_t frame_count;
    bool writable;
    bool executable;
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
    uint64_t first_frame; /* machine frame of guest frame 0 */
    uint64_t frame_count;
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

/* Decides which tables are needed and where they lie; after all ranges are known. */
int tables_plan(struct builder *builder);
/* Writes them: every range, the last one being the direct map. */
void tables_write(struct builder *builder);
/* Guest frame of the level's table (0: lowest) that covers an address. */
uint64_t tables_frame(const struct builder *builder, unsigned level, uint64_t address);

#endif
