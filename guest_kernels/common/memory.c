/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the free frames and the translation between guest-physical and machine frames.
 * Frames given back are chained through their first eight bytes; frames never used
 * are counted only.
 */
#include "memory.h"

#include "bytes.h"
#include "check.h"
#include "hypercall.h"
#include "start.h"

#define NO_FRAME 0 /* frame 0 belongs to the image */

static uint64_t used_frame_count; /* of the frames from first_free_guest_frame on */
static uint64_t returned_first = NO_FRAME;
static uint64_t returned_count;

static uint64_t frames_untouched(void)
{
    return start_page->memory_size_bytes / PAGE_SIZE_BYTES - start_page->first_free_guest_frame -
           used_frame_count;
}

uint64_t frames_free_count(void)
{
    return frames_untouched() + returned_count;
}

void *frame_pointer(uint64_t frame)
{
    return (void *)(uintptr_t)(start_page->direct_map_address + frame * PAGE_SIZE_BYTES);
}

uint64_t frames_allocate(uint64_t count)
{
    uint64_t first = start_page->first_free_guest_frame + used_frame_count;

    CHECK(count <= frames_untouched());
    used_frame_count += count;
    memset(frame_pointer(first), 0, (size_t)(count * PAGE_SIZE_BYTES));
    return first;
}

uint64_t frame_allocate(void)
{
    uint64_t frame = returned_first;

    if (frame == NO_FRAME) {
        return frames_allocate(1);
    }
    memcpy(&returned_first, frame_pointer(frame), sizeof(returned_first));
    returned_count--;
    memset(frame_pointer(frame), 0, PAGE_SIZE_BYTES);
    return frame;
}

void frame_free(uint64_t frame)
{
    memcpy(frame_pointer(frame), &returned_first, sizeof(returned_first));
    returned_first = frame;
    returned_count++;
}

uint64_t frame_to_machine(uint64_t frame)
{
    for (uint32_t i = 0; i < start_page->extent_count; i++) {
        const struct extent *extent = &start_page->extents[i];

        if (frame - extent->guest_frame < extent->frame_count) {
            return extent->machine_frame + (frame - extent->guest_frame);
        }
    }
    check_failed(__FILE__, __LINE__, "a guest frame lies in an extent");
}

uint64_t frame_from_machine(uint64_t machine_frame)
{
    for (uint32_t i = 0; i < start_page->extent_count; i++) {
        const struct extent *extent = &start_page->extents[i];

        if (machine_frame - extent->machine_frame < extent->frame_count) {
            return extent->guest_frame + (machine_frame - extent->machine_frame);
        }
    }
    check_failed(__FILE__, __LINE__, "a machine frame lies in an extent");
}

static void direct_map_set(uint64_t frame, uint64_t flags)
{
    uint64_t entry = frame_to_machine(frame) << PAGE_SHIFT | flags;

    CALL(hypercall_mapping_update((uintptr_t)frame_pointer(frame), entry));
}

void frame_make_read_only(uint64_t frame)
{
    direct_map_set(frame, ENTRY_PRESENT | ENTRY_KERNEL | ENTRY_NO_EXECUTE);
}

void frame_make_writable(uint64_t frame)
{
    direct_map_set(frame, ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_KERNEL | ENTRY_NO_EXECUTE);
}
