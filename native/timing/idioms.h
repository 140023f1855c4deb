/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tables cannot say because it depends on operands or neighbours: idioms, fusion,
 * addressing. Facts about the machine, each with its source in idioms.c; called by decode.c.
 */
#ifndef TIMING_IDIOMS_H
#define TIMING_IDIOMS_H

#include <capstone/capstone.h>
#include <stdbool.h>

#include "form.h"
#include "operands.h"
#include "parameters.h"

bool idiom_is_nop(const cs_insn *instruction, const struct encoding *encoding);
/* FXCH. */
bool idiom_is_exchange(const struct encoding *encoding);
/* Zero whatever the register held: no execution, no wait. */
bool idiom_is_zero(const cs_insn *instruction, const struct operands *operands);
/* All ones whatever it held: executed, but no wait. */
bool idiom_is_ones(const cs_insn *instruction, const struct operands *operands);
/* A register copy that rename does by itself. */
bool idiom_is_eliminated_move(const cs_insn *instruction, const struct operands *operands,
                              const struct timing_parameters *core);
/* base + index + displacement: another unit, or longer. */
bool idiom_is_slow_lea(const cs_insn *instruction);
/* An address that takes AMD's cores one cycle more. */
bool idiom_is_complex_address(const cs_insn *instruction, const struct operands *operands);
/* A read-modify-write that nothing may come between. */
bool idiom_is_locked(const cs_insn *instruction, const struct encoding *encoding);
bool idiom_is_fast_address(const struct operands *operands);
/* LODS, STOS, MOVS, SCAS, CMPS. */
bool idiom_is_string(const struct encoding *encoding);
/* A string instruction with a count: as many accesses as there happen to be. */
bool idiom_is_repeated(const struct encoding *encoding);
/* Two operations, of which the first is about the flags alone. */
bool idiom_merges_late(const cs_insn *instruction);
bool idiom_length_changes(const struct encoding *encoding);
bool idiom_waits_for_destination(const cs_insn *instruction, const struct timing_parameters *core);
/* An indexed load and its operation, or the halves of a store, share a slot after rename. */
bool idiom_stays_fused(const struct operands *operands, const struct encoding *encoding,
                       const struct timing_parameters *core);
/* There are branches with which it is decoded as one. */
bool idiom_may_fuse(const cs_insn *instruction, const struct operands *operands,
                    const struct timing_parameters *core);
/* The two are decoded as one. */
bool idiom_fuses(const cs_insn *first, const struct operands *operands, const cs_insn *second,
                 const struct timing_parameters *core);
bool idiom_is_conditional(const cs_insn *instruction);

#endif
