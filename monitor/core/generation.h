/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following the view from one generation to the next; see generation.c. */
#ifndef GENERATION_H
#define GENERATION_H

#include "view_reader.h"

/* The processor knows of a generation that it has not acknowledged. */
static inline bool generation_is_followed(const struct processor *processor)
{
    return processor->acknowledged_generation != processor->view_generation;
}

/* Whether it could do the next step at once, if it has nothing better to do. */
bool generation_wants(const struct processor *processor);

/* From here on the processor reads the body of the generation in force. */
void generation_notice(struct processor *processor);

/*
 * One bounded step of what that generation asks of all, and what it asks of this processor. The
 * schedule of the processor is to be run afterwards.
 */
void generation_step(struct processor *processor);

/* The same, when there is anything to be done. */
static inline void generation_go_on(struct processor *processor)
{
    if (UNLIKELY(generation_is_followed(processor))) {
        generation_step(processor);
    }
}

/* The first generation, before anything runs: all steps. */
void generation_start(void);

#endif
