/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns what is known of one instruction (its class, its operands) into micro-ops.
 * Called by decode.c; knows no bytes and no neighbours.
 */
#ifndef TIMING_MICRO_OPS_H
#define TIMING_MICRO_OPS_H

#include "code.h"
#include "form.h"
#include "operands.h"
#include "parameters.h"

/* More than any instruction of the tables has. */
#define UOPS_PER_INSTRUCTION_LIMIT 160u

struct uop_list {
    uint32_t count;
    uint32_t fused_pairs; /* in the decoders, whatever the address */
    struct uop uops[UOPS_PER_INSTRUCTION_LIMIT];
};

/* How the instruction touches memory, beside what its class says. */
enum stack_use { STACK_NONE, STACK_PUSH, STACK_POP };

struct shape {
    const struct timing_parameters *core;
    const struct form_class *class;
    const struct operands *operands;
    bool stays_fused;
    bool fast_address;
    bool locked;
    bool late_destination; /* what is merged into enters with the last operation */
    bool complex_address;
    uint16_t load_cycles; /* of a load whose result an operation takes */
};

/* Whether a class loads and stores; the decoder library is often wrong on vector stores. */
void micro_ops_accesses(const struct form_class *class, const struct timing_parameters *core,
                        bool *loads, bool *stores);
void micro_ops_build(struct uop_list *list, const struct shape *shape);
/* LODS, STOS, MOVS, SCAS, CMPS: the pointers move whatever is loaded. */
void micro_ops_string(struct uop_list *list, const struct shape *shape);
/* push, pop, call and return, whose addresses come from the stack engine. */
void micro_ops_stack(struct uop_list *list, const struct shape *shape, enum stack_use use,
                     bool jumps);
/* Fills in what execution reads instead of counting and searching. */
void micro_ops_finish(struct uop_list *list, const struct timing_parameters *core);
/* FXCH: done at rename too, in as many slots as the core takes. */
void micro_ops_exchange(struct uop_list *list, const struct timing_parameters *core,
                        const struct operands *operands);
/* Done at rename: sources and destinations say what it copies, if anything. */
void micro_ops_rename_only(struct uop_list *list, const struct operands *operands, bool copies);

#endif
