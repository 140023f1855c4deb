/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data segments of a 32-bit guest's own: the kernel's record of the virtual processor,
 * behind FS in kernel mode, and the thread's own data, behind GS in user mode. For C and
 * for assembler.
 */
#ifndef SEGMENT_32_H
#define SEGMENT_32_H

#include "abi.h"

#define RING_KERNEL 1
#define RING_USER 3

#define DESCRIPTOR_PROCESSOR 0
#define DESCRIPTOR_THREAD 1
#define SELECTOR_PROCESSOR (SELECTOR_GUEST_FIRST + 8 * DESCRIPTOR_PROCESSOR + RING_KERNEL)
#define SELECTOR_THREAD (SELECTOR_GUEST_FIRST + 8 * DESCRIPTOR_THREAD + RING_USER)

#ifndef __ASSEMBLER__

/* Present, writable, accessed, 32 bits wide, with the largest limit: pages protect, not limits. */
#define DATA_DESCRIPTOR 0x00cf93000000ffffull
#define DESCRIPTOR_RING_SHIFT 45

static inline uint64_t data_descriptor(uint32_t base, uint64_t ring)
{
    return DATA_DESCRIPTOR | ring << DESCRIPTOR_RING_SHIFT | (uint64_t)(base & 0xffffff) << 16 |
           (uint64_t)(base >> 24) << 56;
}

#endif
#endif
