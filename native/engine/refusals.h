/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "A call that fails has changed nothing", checked around every call: see refusals.c. */
#ifndef REFUSALS_H
#define REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct virtual_processor;

/* What was, before a call that may be refused. */
struct refusal {
    uint64_t hash;
    uint64_t number;
    bool checked; /* it is a call, and nothing but the call is going to happen */
};

/* Before the monitor is entered, registers saved. */
struct refusal refusal_prepare(const struct machine *machine,
                               const struct virtual_processor *record);
/* After it: a call that was refused and has changed anything is the end of the host. */
void refusal_check(struct machine *machine, const struct refusal *refusal,
                   const struct virtual_processor *record);

#endif
