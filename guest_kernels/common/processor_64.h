/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How 64-bit kernel code finds the record of the virtual processor it runs on: the
 * kernel's GS base points at it, and its first field at itself.
 */
#ifndef PROCESSOR_64_H
#define PROCESSOR_64_H

#include "hypercall_64.h"

struct processor;

/* Makes the record the calling virtual processor's. */
static inline int64_t processor_record_set(const struct processor *record)
{
    return hypercall_base_set(BASE_gs_kernel, (uintptr_t)record);
}

static inline struct processor *processor_current(void)
{
    struct processor *current;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(current));
    return current;
}

#endif
