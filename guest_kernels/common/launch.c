/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the start of further virtual processors: their stacks and first steps. Called
 * by processor 0 only, because stacks come from the frame allocator.
 */
#include "check.h"
#include "hypercall.h"
#include "memory.h"
#include "processor.h"
#include "start.h"

#define STACK_FRAME_COUNT 4

int64_t processor_start(uint32_t index, processor_function *function, uint64_t argument)
{
    struct processor *processor;

    CHECK(index < start_page->virtual_processor_count && index < PARTITION_PROCESSOR_LIMIT);
    processor = &processors[index];
    if (processor->stack_top_address == 0) {
        uint64_t frame = frames_allocate(STACK_FRAME_COUNT);

        processor->stack_top_address =
            (uintptr_t)frame_pointer(frame) + STACK_FRAME_COUNT * PAGE_SIZE_BYTES;
    }
    processor->index = index;
    processor->function = function;
    processor->argument = argument;
    return processor_launch(processor);
}

void processor_begin(const struct processor *processor)
{
    (void)processor_adopt(processor->index);
    processor->function(processor->argument);
    for (;;) {
        (void)hypercall_processor_stop(processor->index);
    }
}
