/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A partition's initial page tables, built by the host and validated by the monitor like
 * any others. They lie together, all of level 1 first, so that they can be pinned in order.
 */
#include <stdlib.h>
#include <string.h>

#include "partition_builder.h"

static int compare_words(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Which tables a level needs: the distinct prefixes of all mapped addresses. */
static int find_prefixes(struct builder *builder, unsigned level)
{
    unsigned shift = 12 + 9 * (level + 1);
    uint64_t capacity = 0;
    for (uint32_t index = 0; index < builder->range_count; index++) {
        capacity += (builder->ranges[index].frame_count >> (9 * (level + 1))) + 2;
    }
    uint64_t *prefixes = malloc(capacity * sizeof *prefixes);
    if (prefixes == NULL) {
        return machine_fail(builder->machine, NATIVE_NO_MEMORY, "no host memory for page tables");
    }
    uint64_t count = 0;
    for (uint32_t index = 0; index < builder->range_count; index++) {
        const struct range *range = &builder->ranges[index];
        uint64_t last = (range->address + (range->frame_count - 1) * PAGE_SIZE_BYTES) >> shift;
        for (uint64_t prefix = range->address >> shift; prefix <= last; prefix++) {
            prefixes[count++] = prefix;
        }
    }
    qsort(prefixes, count, sizeof *prefixes, compare_words);
    uint64_t distinct = 0;
    for (uint64_t index = 0; index < count; index++) {
        if (distinct == 0 || prefixes[distinct - 1] != prefixes[index]) {
            prefixes[distinct++] = prefixes[index];
        }
    }
    builder->prefixes[level] = prefixes;
    builder->table_counts[level] = distinct;
    return NATIVE_OK;
}

int tables_plan(struct builder *builder)
{
    unsigned root_level = builder->map->root_level;
    for (unsigned level = 0; level < root_level; level++) {
        int result = find_prefixes(builder, level);
        if (result != NATIVE_OK) {
            return result;
        }
    }
    builder->prefixes[root_level] = calloc(1, sizeof(uint64_t));
    builder->table_counts[root_level] = 1;
    for (unsigned level = 0; level <= root_level; level++) {
        builder->used += builder->table_counts[level];
    }
    if (builder->prefixes[root_level] == NULL || builder->used > builder->frame_count) {
        return machine_fail(builder->machine, NATIVE_NO_MEMORY, "%s needs more than its %llu KiB",
                            builder->options->name,
                            (unsigned long long)(builder->options->memory_size_bytes >> 10));
    }
    return NATIVE_OK;
}

uint64_t tables_frame(const struct builder *builder, unsigned level, uint64_t address)
{
    uint64_t frame = builder->tables;
    for (unsigned lower = 0; lower < level; lower++) {
        frame += builder->table_counts[lower];
    }
    if (level == builder->map->root_level) {
        return frame;
    }
    uint64_t prefix = address >> (12 + 9 * (level + 1));
    const uint64_t *found = bsearch(&prefix, builder->prefixes[level], builder->table_counts[level],
                                    sizeof prefix, compare_words);
    return frame + (uint64_t)(found - builder->prefixes[level]);
}

static void write_entry(struct builder *builder, unsigned level, uint64_t address, uint64_t entry)
{
    uint64_t index = address >> (12 + 9 * level) & (TABLE_ENTRY_COUNT - 1);
    uint64_t frame = tables_frame(builder, level, address);
    memcpy(frame_bytes(builder, frame) + index * 8, &entry, sizeof entry);
}

/* In the direct map a guest may write what is nobody's text, constant, table or monitor page. */
static bool is_writables_frame(const struct builder *builder, uint64_t guest_frame)
{
    if (guest_frame >= builder->used) {
        return true;
    }
    for (uint32_t index = 0; index < builder->range_count && !builder->ranges[index].direct;
         index++) {
        const struct range *range = &builder->ranges[index];
        if (guest_frame - range->guest_frame < range->frame_count) {
            return range->writable;
        }
    }
    return false; /* a table */
}

static void map_range(struct builder *builder, const struct range *range)
{
    for (uint64_t page = 0; page < range->frame_count; page++) {
        uint64_t guest_frame = range->guest_frame + page;
        bool writable =
            range->writable && (!range->direct || is_writables_frame(builder, guest_frame));
        uint64_t entry = (range->machine_frame + page) << PAGE_SHIFT | ENTRY_PRESENT |
                         (builder->map->user ? ENTRY_USER : 0) | (writable ? ENTRY_WRITABLE : 0) |
                         (range->executable ? 0 : ENTRY_NO_EXECUTE);
        write_entry(builder, 0, range->address + page * PAGE_SIZE_BYTES, entry);
    }
}

void tables_write(struct builder *builder)
{
    const uint64_t link = ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER;
    for (unsigned level = 0; level < builder->map->root_level; level++) {
        for (uint64_t index = 0; index < builder->table_counts[level]; index++) {
            uint64_t address = builder->prefixes[level][index] << (12 + 9 * (level + 1));
            uint64_t child = builder->first_frame + tables_frame(builder, level, address);
            write_entry(builder, level + 1, address, child << PAGE_SHIFT | link);
        }
    }
    for (uint32_t index = 0; index < builder->range_count; index++) {
        map_range(builder, &builder->ranges[index]);
    }
}
