/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a virtual processor begins, in either width; see processor_context.c. */
#ifndef PROCESSOR_CONTEXT_H
#define PROCESSOR_CONTEXT_H

#include "state.h"

/* Only registers that a guest names are filled: the rest is zero. */
struct processor_start {
    struct registers registers;
    uint64_t selectors; /* as in struct virtual_processor */
    uint64_t kernel_root_frame;
};

/* The first one of a partition: a place, a stack and one argument. */
struct processor_start processor_start_first(uint32_t width, uint64_t entry, uint64_t stack_top,
                                             uint64_t argument);

/* What a caller wants of a sibling, read from its memory and checked; touches nothing. */
enum error processor_context_peek(const struct virtual_processor *caller, uint64_t address,
                                  struct processor_start *start);
uint64_t processor_context_size_bytes(const struct virtual_processor *caller);

#endif
