/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user thread's own data in 32 bits: GS, which threads begin with, holds a segment whose
 * base the kernel moves.
 */
#ifndef THREAD_32_H
#define THREAD_32_H

#include "hypercall_32.h"
#include "segment_32.h"

static inline int64_t thread_base_set(uint64_t address)
{
    uint64_t descriptor = data_descriptor((uint32_t)address, RING_USER);

    return hypercall_descriptor_set(DESCRIPTOR_THREAD, descriptor);
}

#endif
