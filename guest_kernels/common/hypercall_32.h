/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls of the contract that 32-bit guests alone have, or have with a structure of
 * their own. Guests include hypercall.h.
 */
#ifndef HYPERCALL_32_H
#define HYPERCALL_32_H

#include "call_32.h"

static inline int64_t hypercall_descriptor_set(uint32_t index, uint64_t descriptor)
{
    return call_1_wide(HC_descriptor_set, index, descriptor);
}

static inline int64_t hypercall_processor_start(uint32_t processor,
                                                const struct processor_context_32 *context)
{
    return call_2(HC_processor_start, processor, (uintptr_t)context);
}

#endif
