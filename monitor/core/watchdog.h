/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partitions that ask to be stopped unless they are heard of; see watchdog.c. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include "state.h"

/* Stops what is due on the processor by now; its watchdog_due_cycles is the next deadline. */
void watchdogs_expire(struct processor *processor, uint64_t now);

#endif
