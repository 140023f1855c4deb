/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the pages of a process: brought on first touch, read on its behalf, and
 * changed where they are code. Nothing is ever writable and executable at once, in
 * the process or in the kernel's direct map.
 */
#include "process.h"

#include "check.h"
#include "memory.h"
#include "tables.h"

static const struct region *region_of(const struct process *process, uint64_t address)
{
    for (uint32_t i = 0; i < REGION_COUNT; i++) {
        const struct region *region = &process->regions[i];

        if (address >= region->start && address < region->end) {
            return region;
        }
    }
    return 0;
}

static int region_allows(const struct region *region, uint64_t error_code)
{
    if ((error_code & PAGE_FAULT_WRITE) != 0 && (region->entry_flags & ENTRY_WRITABLE) == 0) {
        return 0;
    }
    return (error_code & PAGE_FAULT_FETCH) == 0 || (region->entry_flags & ENTRY_NO_EXECUTE) == 0;
}

static void page_fill(uint64_t frame, const struct region *region, uint64_t page)
{
    uint64_t offset = page - region->start;

    if (offset < region->source_size_bytes) {
        uint64_t size_bytes = region->source_size_bytes - offset;

        memcpy(frame_pointer(frame), region->source + offset,
               size_bytes < PAGE_SIZE_BYTES ? (size_t)size_bytes : PAGE_SIZE_BYTES);
    }
}

int process_page_in(struct process *process, uint64_t address, uint64_t error_code)
{
    const struct region *region = region_of(process, address);
    uint64_t page = address & PAGE_MASK;
    uint64_t frame;

    if (region == 0 || !region_allows(region, error_code) ||
        (error_code & PAGE_FAULT_PRESENT) != 0) {
        return 0;
    }
    frame = frame_allocate();
    page_fill(frame, region, page);
    if ((region->entry_flags & ENTRY_NO_EXECUTE) == 0) {
        frame_make_read_only(frame);
    }
    space_entry_set(process->root, page,
                    frame_to_machine(frame) << PAGE_SHIFT | region->entry_flags);
    process->page_count++;
    return 1;
}

/* Where the kernel sees a byte of the process, or 0. */
static const uint8_t *user_pointer(struct process *process, uint64_t address)
{
    uint64_t entry = space_entry(process->root, address);
    const uint8_t *page;

    if ((entry & ENTRY_PRESENT) == 0) {
        if (!process_page_in(process, address, 0)) {
            return 0;
        }
        entry = space_entry(process->root, address);
    }
    page = frame_pointer(frame_from_machine((entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT));
    return page + (address & ~PAGE_MASK);
}

int process_copy_in(struct process *process, void *target, uint64_t address, uint64_t size_bytes)
{
    uint8_t *to = target;

    while (size_bytes > 0) {
        uint64_t part = PAGE_SIZE_BYTES - (address & ~PAGE_MASK);
        const uint8_t *from;

        if (region_of(process, address) == 0) {
            return 0;
        }
        from = user_pointer(process, address);
        if (from == 0) {
            return 0;
        }
        part = part < size_bytes ? part : size_bytes;
        memcpy(to, from, (size_t)part);
        to += part;
        address += part;
        size_bytes -= part;
    }
    return 1;
}

/*
 * The lawful way to change code: take the executable mapping away, make the frame
 * writable, write, make it read-only, and map it executable again.
 */
int process_patch(struct process *process, uint64_t address, uint32_t value)
{
    const struct region *region = region_of(process, address);
    uint64_t page = address & PAGE_MASK;
    uint64_t entry;
    uint64_t frame;

    if (region == 0 || (region->entry_flags & ENTRY_NO_EXECUTE) != 0 ||
        (address & ~PAGE_MASK) > PAGE_SIZE_BYTES - sizeof(value) ||
        user_pointer(process, address) == 0) {
        return 0;
    }
    entry = space_entry(process->root, page);
    frame = frame_from_machine((entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT);
    space_entry_set(process->root, page, 0);
    frame_make_writable(frame);
    memcpy((uint8_t *)frame_pointer(frame) + (address & ~PAGE_MASK), &value, sizeof(value));
    frame_make_read_only(frame);
    space_entry_set(process->root, page, entry);
    process->patch_count++;
    return 1;
}
