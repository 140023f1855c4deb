/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors of the processor's own table in machine memory, and the engine's segments: what a
 * selector stands for, and how a segment is loaded as the processor loads it. Knows neither
 * instructions nor who may load what.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "environment.h"
#include "machine_memory.h"

#define SELECTOR_LEVEL_MASK 0x3u
#define SELECTOR_LOCAL 0x4u
#define SELECTOR_INDEX_MASK 0xfff8u

/* In descriptor.flags, the descriptor's high word. */
#define DESCRIPTOR_WRITABLE (1u << 9) /* data */
#define DESCRIPTOR_CONFORMING (1u << 10) /* code */
#define DESCRIPTOR_CODE (1u << 11)
#define DESCRIPTOR_SEGMENT (1u << 12) /* neither a gate nor a task */
#define DESCRIPTOR_LEVEL_SHIFT 13
#define DESCRIPTOR_PRESENT (1u << 15)
#define DESCRIPTOR_LONG (1u << 21)
#define DESCRIPTOR_WIDE (1u << 22) /* 32-bit: D of code, B of stacks */
#define DESCRIPTOR_PAGES (1u << 23)

struct descriptor {
    uint64_t base;
    uint32_t limit;
    uint32_t flags;
};

static inline uint32_t descriptor_level(uint32_t flags)
{
    return flags >> DESCRIPTOR_LEVEL_SHIFT & SELECTOR_LEVEL_MASK;
}

/* False where the table has no such entry; there is no local table. */
bool descriptor_read(const struct environment *environment, const struct machine_memory *memory,
                     uint32_t selector, struct descriptor *descriptor);

/* The segment, and the processor's mode as it follows from it. */
void environment_load_segment(struct environment *environment, enum environment_segment segment,
                              uint32_t selector, const struct descriptor *descriptor);
/* A data segment that is no longer usable. */
void environment_unload_segment(struct environment *environment, enum environment_segment segment);

#endif
