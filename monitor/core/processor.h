/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting and stopping of virtual processors; see processor.c. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include "processor_context.h"

/* A record as it begins: kernel mode, events masked, nothing in its registers but these. */
void processor_reset(struct virtual_processor *record, const struct processor_start *start);

/* Lets go of the record, if any, that the processor left at the exit of an earlier entry. */
void processor_depart(struct processor *processor);

/* With its partition: it is not chosen, and events wait. Both are its own processor's to do. */
void processor_pause(struct virtual_processor *record);
void processor_resume(struct virtual_processor *record);

#endif
