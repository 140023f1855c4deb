/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual processors of this partition: a record each, the shared page of each,
 * and how further ones are started. processor_current() says who runs.
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <width.h>

typedef void processor_function(uint64_t argument);

struct processor {
    struct processor *self; /* processor_current() reads it through the segment */
    struct shared_page *shared;
    processor_function *function;
    uint64_t argument;
    uint64_t stack_top_address; /* 0 until it has been started for the first time */
    uint32_t index;
    uint32_t reserved0;
};

extern struct processor processors[PARTITION_PROCESSOR_LIMIT];

/* Makes the calling virtual processor known as number `index`; returns its record. */
struct processor *processor_adopt(uint32_t index);

/*
 * Runs the function on virtual processor `index`, with a stack of its own, and stops
 * that processor when the function returns. Returns what the monitor answered.
 */
int64_t processor_start(uint32_t index, processor_function *function, uint64_t argument);

/* The last step of that: with the first registers that its width has. */
int64_t processor_launch(const struct processor *processor);

/* The entries in assembler, and what they call. */
void processor_entry(void);
_Noreturn void processor_begin(const struct processor *processor);

#endif
