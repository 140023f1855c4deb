/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How 32-bit kernel code finds the record of the virtual processor it runs on: FS holds a
 * segment that begins there, and the record's first field points at itself. trap_32.S loads
 * FS again whenever user mode was interrupted.
 */
#ifndef PROCESSOR_32_H
#define PROCESSOR_32_H

#include "hypercall_32.h"
#include "segment_32.h"

struct processor;

/* Makes the record the calling virtual processor's. */
static inline int64_t processor_record_set(const struct processor *record)
{
    uint64_t descriptor = data_descriptor((uintptr_t)record, RING_KERNEL);
    int64_t result = hypercall_descriptor_set(DESCRIPTOR_PROCESSOR, descriptor);

    if (result == 0) {
        __asm__ volatile("mov %0, %%fs" : : "r"(SELECTOR_PROCESSOR));
    }
    return result;
}

static inline struct processor *processor_current(void)
{
    struct processor *current;

    __asm__ volatile("mov %%fs:0, %0" : "=r"(current));
    return current;
}

#endif
