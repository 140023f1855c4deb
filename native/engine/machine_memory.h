/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine memory: one sparse mapping, shared by all engines of a machine. The region of
 * the views is mapped read-only here; only the view's writer holds a writable alias.
 * Knows nothing of engines or partitions.
 */
#ifndef MACHINE_MEMORY_H
#define MACHINE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct machine_memory {
    uint8_t *base;
    uint8_t *view_alias; /* writable window onto the view region */
    uint64_t size_bytes;
    int descriptor; /* the memory file */
    uint8_t *dirty; /* a bit a frame; NULL while nobody tracks */
};

int memory_create(struct machine_memory *memory, uint64_t size_bytes);
void memory_destroy(struct machine_memory *memory);

/*
 * Iterates over the runs of frames that have ever been touched: sets [*first, *last) to the
 * next run at or after *last, false when there is none. All other frames are zero.
 */
bool memory_next_run(const struct machine_memory *memory, uint64_t *first, uint64_t *last);

/* How many memories can be tracked at once, in one process. */
#define TRACKED_LIMIT 64u

/* From now on, the first write to each frame is recorded; what was recorded is forgotten. */
int memory_track(struct machine_memory *memory);
void memory_untrack(struct machine_memory *memory);
static inline bool memory_is_dirty(const struct machine_memory *memory, uint64_t frame)
{
    return (memory->dirty[frame / 8] >> (frame % 8) & 1) != 0;
}

/*
 * Machine address of a virtual one by the page tables below root; 0 when it is not mapped.
 * Root 0 stands for the monitor's direct map.
 */
uint64_t memory_translate(const struct machine_memory *memory, uint64_t root, uint64_t address);

/* 64-bit hash of bytes; size a multiple of 8. The same on every host. */
uint64_t memory_hash(const void *data, uint64_t size_bytes, uint64_t seed);

/* One step of splitmix64: the mixing function for everything that needs one. */
static inline uint64_t mix64(uint64_t value)
{
    value += 0x9e3779b97f4a7c15ull;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ value >> 27) * 0x94d049bb133111ebull;
    return value ^ value >> 31;
}

#endif
