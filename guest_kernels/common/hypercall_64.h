/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls of the contract that 64-bit guests alone have, or have with a structure of
 * their own. Guests include hypercall.h.
 */
#ifndef HYPERCALL_64_H
#define HYPERCALL_64_H

#include "call_64.h"

static inline int64_t hypercall_base_set(enum segment_base base, uint64_t value)
{
    return call_2(HC_base_set, (uint64_t)base, value);
}

static inline int64_t hypercall_base_get(enum segment_base base)
{
    return call_1(HC_base_get, (uint64_t)base);
}

static inline int64_t hypercall_processor_start(uint32_t processor,
                                                const struct processor_context *context)
{
    return call_2(HC_processor_start, processor, (uintptr_t)context);
}

#endif
