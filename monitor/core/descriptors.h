/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments: what guests of either width find in the descriptor table; see descriptors.c. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stdbool.h>

#include "monitor.h"

/* The descriptor that a selector names for guests of that record; 0: there is none. */
uint64_t descriptor_of(const struct virtual_processor *record, uint32_t selector);

/* What it says, in the words of the processor's manual. */
static inline uint64_t descriptor_base(uint64_t descriptor)
{
    return (descriptor >> 16 & 0xffffff) | (descriptor >> 32 & 0xff000000);
}

static inline uint32_t descriptor_level(uint64_t descriptor)
{
    return descriptor >> 45 & 3;
}

/* Makes a processor's table that of the record, which it is about to run. */
void descriptors_load(struct processor *processor, const struct virtual_processor *record);

/* True when kernel mode of a fresh 32-bit record may begin with it in a data segment register. */
bool descriptor_selector_is_fresh(uint32_t selector);

#endif
