/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the records of the virtual processors. Starting further ones is in launch.c,
 * so that a guest with one processor does not carry it.
 */
#include "processor.h"

#include "check.h"
#include "hypercall.h"
#include "start.h"

struct processor processors[PARTITION_PROCESSOR_LIMIT];

struct processor *processor_adopt(uint32_t index)
{
    struct processor *processor = &processors[index];
    uint64_t shared = start_page->shared_pages_address + (uint64_t)index * PAGE_SIZE_BYTES;

    processor->self = processor;
    processor->index = index;
    processor->shared = (struct shared_page *)(uintptr_t)shared;
    CALL(processor_record_set(processor));
    return processor;
}
