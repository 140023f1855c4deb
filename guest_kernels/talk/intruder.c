/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the ways to do harm. All are lawful for the processor; the monitor and the other ends have
 * to bear them.
 */
#include "intruder.h"

#include "hypercall.h"
#include "memory.h"
#include "shared_word.h"

static uint32_t garbage_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 32);
}

void garbage_write(const struct channel_place *place, uint64_t seed)
{
    volatile uint32_t *words = (volatile uint32_t *)channel_pointer(place);

    for (uintptr_t i = 0; i < (uintptr_t)place->size_bytes / sizeof(*words); i++) {
        shared_write_32(&words[i], garbage_next(&seed));
    }
    if (place->port != 0) {
        (void)hypercall_event_send(place->port);
    }
}

static int frame_is_own(uint64_t machine_frame)
{
    struct channel_place control;

    for (uint32_t i = 0; i < start_page->extent_count; i++) {
        const struct extent *extent = &start_page->extents[i];

        if (machine_frame - extent->machine_frame < extent->frame_count) {
            return 1;
        }
    }
    return channel_find_control(&control) &&
           machine_frame - control.machine_frame < control.size_bytes >> PAGE_SHIFT;
}

uint64_t frames_try(uint64_t first, uint64_t count)
{
    uint64_t page = frame_allocate();
    uint64_t taken = 0;

    for (uint64_t frame = first; frame < first + count; frame++) {
        uint64_t entry =
            frame << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_KERNEL | ENTRY_NO_EXECUTE;

        if (!frame_is_own(frame) &&
            hypercall_mapping_update((uintptr_t)frame_pointer(page), entry) >= 0) {
            taken++;
        }
    }
    frame_make_writable(page);
    frame_free(page);
    return taken;
}
