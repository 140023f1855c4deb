/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows about segments: answers depend on the real ring, and selectors show it. What a kernel
 * wants to know of memory is in its own tables; which mode runs, in the frame of a trap.
 */
#include "context.h"
#include "instructions.h"
#include "memory.h"
#include "own.h"
#include "row.h"
#include "start.h"
#include "tables.h"

#define LEVEL_SHIFT 13 /* of the descriptor's level in what LAR answers */
#define LEVEL_MASK 3

static uint64_t own_entry(uintptr_t address)
{
    return space_entry(frame_from_machine(start_page->kernel_root_frame), address);
}

static int lar_unmodified(char *happened)
{
    uint32_t level = broken_lar(own_code_selector) >> LEVEL_SHIFT & LEVEL_MASK;

    SAY(happened, "says own code is ring %u's", level);
    return level == (own_code_selector & LEVEL_MASK);
}

static int lar_modified(void)
{
    uint64_t entry = own_entry((uintptr_t)broken_lar);

    return (entry & ENTRY_PRESENT) != 0 && (entry & (ENTRY_WRITABLE | ENTRY_NO_EXECUTE)) == 0;
}

static int lsl_unmodified(char *happened)
{
    uint32_t limit = broken_lsl(own_code_selector);

    SAY(happened, "says own limit is %x", limit);
    return limit == UINT32_MAX;
}

static int lsl_modified(void)
{
    uint64_t frames = 0;

    for (uint32_t i = 0; i < start_page->extent_count; i++) {
        frames += start_page->extents[i].frame_count;
    }
    return frames * PAGE_SIZE_BYTES == start_page->memory_size_bytes;
}

static int verr_unmodified(char *happened)
{
    uint32_t allowed = broken_verr(SELECTOR_MONITOR_DATA);

    SAY(happened, "says selector %x: %s", SELECTOR_MONITOR_DATA, allowed ? "read" : "no read");
    return allowed == 0;
}

static int verr_modified(void)
{
    static const uint8_t constant = 1;

    return (own_entry((uintptr_t)&constant) & (ENTRY_PRESENT | ENTRY_WRITABLE)) == ENTRY_PRESENT;
}

static int verw_unmodified(char *happened)
{
    uint32_t allowed = broken_verw(SELECTOR_MONITOR_DATA);

    SAY(happened, "says selector %x: %s", SELECTOR_MONITOR_DATA, allowed ? "write" : "no write");
    return allowed == 0;
}

static int verw_modified(void)
{
    static uint8_t variable = 1;

    return (own_entry((uintptr_t)&variable) & ENTRY_WRITABLE) != 0;
}

static int pop_modified(void)
{
    return own_thread_read(0x5678) == 0x5678;
}

static int push_unmodified(char *happened)
{
    uint32_t selector = broken_push();

    SAY(happened, "shows %x, so ring %u", selector, selector & LEVEL_MASK);
    return (selector & LEVEL_MASK) != 0;
}

static int mov_unmodified(char *happened)
{
    uint32_t selector = broken_mov();

    SAY(happened, "shows %x, so ring %u", selector, selector & LEVEL_MASK);
    return selector == own_code_selector;
}

static int mov_modified(void)
{
    struct arrival arrival = context_trap();

    return arrival.vector == VECTOR_INVALID_OPCODE && !arrival.from_user;
}

const struct row segment_rows[] = {
    {"lar", lar_unmodified, "a kernel expects ring 0", lar_modified, "own tables: code"},
    {"lsl", lsl_unmodified, "not the end of its memory", lsl_modified, "extents: all its memory"},
    {"verr", verr_unmodified, "ring 0 could read", verr_modified, "own tables: readable"},
    {"verw", verw_unmodified, "ring 0 could write", verw_modified, "own tables: writable"},
    {"pop", own_pop_unmodified, own_pop_why, pop_modified, own_pop_form},
    {"push", push_unmodified, "a kernel expects ring 0", own_push_modified, own_push_form},
    {"mov", mov_unmodified, "a kernel expects ring 0", mov_modified, "frame's state: kernel"},
    {0, 0, 0, 0, 0},
};
