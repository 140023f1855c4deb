/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the command that shows the partition's memory, as far as the partition knows it.
 */
#include "command.h"
#include "console.h"
#include "memory.h"
#include "start.h"
#include "store.h"
#include <width.h>

#define ENTRIES_PER_TABLE (PAGE_SIZE_BYTES / sizeof(uint64_t))
#define ROOT_ENTRIES (ROOT_LEVEL == 4 ? ENTRIES_PER_TABLE : 4u)
#define LEVEL_LIMIT 4u

/* A table of this partition's; 0: the frame is not its own, but the monitor's. */
static const uint64_t *table_at(uint64_t machine_frame)
{
    for (uint32_t i = 0; i < start_page->extent_count; i++) {
        const struct extent *extent = &start_page->extents[i];

        if (machine_frame - extent->machine_frame < extent->frame_count) {
            return frame_pointer(extent->guest_frame + (machine_frame - extent->machine_frame));
        }
    }
    return 0;
}

/* Counts tables by level, and in counts[0] the pages that they map. */
static void tables_count(uint64_t machine_frame, uint32_t level, uint32_t *counts)
{
    const uint64_t *table = table_at(machine_frame);
    uint64_t entries = level == ROOT_LEVEL ? ROOT_ENTRIES : ENTRIES_PER_TABLE;

    if (table == 0) {
        return;
    }
    counts[level]++;
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t frame = (table[i] & ENTRY_FRAME_MASK) >> PAGE_SHIFT;

        if ((table[i] & ENTRY_PRESENT) == 0) {
            continue;
        }
        if (level > 1) {
            tables_count(frame, level - 1, counts);
        } else {
            counts[0] += table_at(frame) != 0;
        }
    }
}

static int memory_show(const struct words *words)
{
    uint64_t frames = start_page->memory_size_bytes / PAGE_SIZE_BYTES;
    uint64_t kernel = start_page->first_free_guest_frame;
    uint64_t unused = frames_free_count();
    uint64_t disk = store_memory_frames();
    uint32_t counts[LEVEL_LIMIT + 1] = {0};

    (void)words;
    for (uint32_t i = 0; i < start_page->extent_count; i++) {
        const struct extent *extent = &start_page->extents[i];

        print("extent: guest frames %llx to %llx, machine frames from %llx on\n",
              (unsigned long long)extent->guest_frame,
              (unsigned long long)(extent->guest_frame + extent->frame_count - 1),
              (unsigned long long)extent->machine_frame);
    }
    tables_count(start_page->kernel_root_frame, ROOT_LEVEL, counts);
    for (uint32_t level = ROOT_LEVEL; level > 0; level--) {
        print("tables of level %u: %u\n", (unsigned)level, (unsigned)counts[level]);
    }
    print("pages of own memory that they map: %u\n", (unsigned)counts[0]);
    print("frames: %llu, of which image and start %llu, disk %llu, other %llu, free %llu\n",
          (unsigned long long)frames, (unsigned long long)kernel, (unsigned long long)disk,
          (unsigned long long)(frames - kernel - disk - unused), (unsigned long long)unused);
    return 1;
}

const struct command memory_commands[] = {
    {"memory", "", "Shows extents, page tables and frames.", 0, 0, 0, memory_show},
    {0, 0, 0, 0, 0, 0, 0},
};
