/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-kept table: instructions for which the scheduling models hold no measurement.
 * Rows in tables/facts.inc, each with its source. Called by the decoder.
 */
#ifndef TIMING_SYSTEM_H
#define TIMING_SYSTEM_H

#include <capstone/capstone.h>

#include "code.h"
#include "form.h"
#include "parameters.h"

/* A row of the hand-kept table, or NULL. */
const struct form_class *system_class(const struct encoding *encoding,
                                      const struct timing_parameters *core);
uint32_t system_kind_of(const struct encoding *encoding, const cs_insn *current,
                        struct instruction *instruction);
/* A compare decoded with its branch runs where branches run. */
uint16_t system_branch_ports(const struct timing_parameters *core);

#endif
