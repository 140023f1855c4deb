/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-kept tables, for what the scheduling models hold no measurement of: instructions
 * with other classes (tables/facts.inc) and instructions with a cost instead of ports
 * (tables/system.inc). Each row has its source. Called by the decoder, read by the core.
 */
#ifndef TIMING_SYSTEM_H
#define TIMING_SYSTEM_H

#include <capstone/capstone.h>

#include "code.h"
#include "form.h"
#include "parameters.h"
#include "timing.h"

/* Moves that are other instructions than their name says. */
#define X86_INS_MOV_TO_CR3 (X86_INS_ENDING + 1)
#define X86_INS_MOV_TO_CR (X86_INS_ENDING + 2)
#define X86_INS_MOV_FROM_CR (X86_INS_ENDING + 3)
#define X86_INS_MOV_DR (X86_INS_ENDING + 4)
#define X86_INS_MOV_TO_SEGMENT (X86_INS_ENDING + 5)
/* And what a model adds, of which there is no instruction. */
#define X86_INS_TARGET_BARRIER (X86_INS_ENDING + 6)
#define X86_INS_DATA_CACHE_FLUSH (X86_INS_ENDING + 7)
#define X86_INS_RETURN_FILLING (X86_INS_ENDING + 8)

enum system_effect {
    SYSTEM_DRAINS = 1 << 0,        /* begins when all before it has retired */
    SYSTEM_DRAINS_STORES = 1 << 1, /* and when all stores before it are in the cache */
    SYSTEM_ORDERS_LOADS = 1 << 2,  /* only loads wait for it */
    SYSTEM_FLUSHES_TLB = 1 << 3,
};

struct system_row {
    uint32_t instruction; /* the decoder's number */
    uint32_t effects;
    uint16_t cycles[TIMING_CORE_COUNT];
    uint8_t assumed; /* a bit a core: no measurement of it is known */
    const char *name;
    const char *source;
};

extern const struct system_row system_rows[];
extern const uint32_t system_row_count;

/* A far call or jump through memory. */
bool system_is_far_branch(const cs_insn *instruction);

/* A row of facts.inc, or NULL. */
const struct form_class *fact_find(const struct encoding *encoding, uint8_t column);
/* 1 and up, or 0. */
uint32_t system_row_of(const cs_insn *instruction);
/* What a row costs on a core of that column, by the decoder's number or one of those above. */
uint32_t system_cycles_of(uint32_t instruction, uint8_t column);
/* Of a row, from 1; 0: none. */
bool system_flushes_translations(uint8_t row);

#endif
