/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a processor and a chipset have their devices, and where no machine has memory.
 */
#include "shared/hostile.h"

HOSTILE("Frames of devices and frames beyond machine memory cannot be mapped.");

static const uint64_t frames[] = {
    0xa0,          /* the frame buffer of old */
    0xf0,          /* the firmware */
    0xfec00,       /* the I/O interrupt controller */
    0xfed00,       /* the timers */
    0xfee00,       /* the local interrupt controller */
    0x200000,      /* the first frame that no machine here has: 8 GiB */
    0xffffffff,    /* wraps in 32 bits */
    0x100000000,   /* the same */
    0xfffffffffff, /* all bits that an entry has for a frame, but the highest four */
    0xffffffffff,  /* the highest frame that an entry can name */
};

void scenario_main(const struct start_page *start)
{
    (void)start;
    page_map(SCRATCH, frame_allocate(), PAGE_WRITE);
    for (uint32_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        uint64_t address = (frames[i] << PAGE_SHIFT) & ENTRY_FRAME_MASK;

        EXPECT_CALL(hypercall_mapping_update(SCRATCH, address | PAGE_READ), not_owner);
        EXPECT_CALL(hypercall_mapping_update(SCRATCH, address | PAGE_WRITE), not_owner);
    }
}
