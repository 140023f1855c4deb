/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an instruction's accesses go, as registers and constants: what turns an access that is
 * known by its machine address into a virtual one. Called by decode.c; knows no engine.
 */
#ifndef TIMING_ADDRESSES_H
#define TIMING_ADDRESSES_H

#include <capstone/capstone.h>
#include <stdbool.h>

#include "code.h"

#define ADDRESS_FORMS_PER_INSTRUCTION 6u

struct address_forms {
    uint32_t count;
    struct address_form forms[ADDRESS_FORMS_PER_INSTRUCTION];
};

/*
 * The accesses of an instruction in the order in which they happen, loads first. `instruction`
 * is its entry, with the loads and stores that its micro-ops make; `end_offset` is where it ends
 * in its block.
 */
void addresses_read(struct address_forms *forms, const cs_insn *current,
                    const struct instruction *instruction, uint64_t end_offset, bool code32);

#endif
