/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors and the engine's segments: see segment.h. */
#include "segment.h"

#include <string.h>

#include "core/machine_map.h"

#define DESCRIPTOR_SIZE_BYTES 8u
#define PAGE_LIMIT_SHIFT 12

bool descriptor_read(const struct environment *environment, const struct machine_memory *memory,
                     uint32_t selector, struct descriptor *descriptor)
{
    uint64_t offset = selector & SELECTOR_INDEX_MASK;
    uint64_t address = environment->gdt.base - MONITOR_DIRECT_ADDRESS + offset;
    uint32_t words[2];
    if ((selector & SELECTOR_LOCAL) != 0 ||
        offset + DESCRIPTOR_SIZE_BYTES - 1 > environment->gdt.limit ||
        address > memory->size_bytes - DESCRIPTOR_SIZE_BYTES) {
        return false;
    }
    memcpy(words, memory->base + address, sizeof words);
    descriptor->base =
        words[0] >> 16 | (uint64_t)(words[1] & 0xff) << 16 | (words[1] & 0xff000000u);
    descriptor->limit = (words[0] & 0xffff) | (words[1] & 0xf0000);
    if ((words[1] & DESCRIPTOR_PAGES) != 0) {
        descriptor->limit = descriptor->limit << PAGE_LIMIT_SHIFT | 0xfff;
    }
    descriptor->flags = words[1];
    return true;
}

/* The mode bits that depend on several segments at once. */
static void follow_segments(struct environment *environment)
{
    const struct environment_segment_cache *segments = environment->segments;
    uint32_t flags = environment->hflags & ~(HFLAG_SS32 | HFLAG_ADDSEG | HFLAG_CPL_MASK);
    flags |= descriptor_level(segments[ENV_SS].flags);
    if ((flags & HFLAG_CS64) != 0) {
        flags |= HFLAG_SS32;
    } else {
        uint64_t bases = segments[ENV_DS].base | segments[ENV_ES].base | segments[ENV_SS].base;
        flags |= (segments[ENV_SS].flags & DESCRIPTOR_WIDE) != 0 ? HFLAG_SS32 : 0;
        flags |= bases != 0 || (flags & HFLAG_CS32) == 0 ? HFLAG_ADDSEG : 0;
    }
    environment->hflags = flags;
}

void environment_load_segment(struct environment *environment, enum environment_segment segment,
                              uint32_t selector, const struct descriptor *descriptor)
{
    struct environment_segment_cache *cache = &environment->segments[segment];
    cache->selector = selector;
    cache->base = descriptor->base;
    cache->limit = descriptor->limit;
    cache->flags = descriptor->flags;
    if (segment == ENV_CS) {
        bool long_mode = (descriptor->flags & DESCRIPTOR_LONG) != 0;
        bool wide = long_mode || (descriptor->flags & DESCRIPTOR_WIDE) != 0;
        environment->hflags &= ~(HFLAG_CS32 | HFLAG_CS64);
        environment->hflags |= (long_mode ? HFLAG_CS64 : 0) | (wide ? HFLAG_CS32 : 0);
    }
    follow_segments(environment);
}

void environment_unload_segment(struct environment *environment, enum environment_segment segment)
{
    memset(&environment->segments[segment], 0, sizeof environment->segments[segment]);
    follow_segments(environment);
}
