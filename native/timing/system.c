/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hand-kept tables: see system.h. */
#include "system.h"

#include <stddef.h>

#define SKL (1u << 0)
#define HSW (1u << 1)
#define IVB (1u << 2)
#define ZN4 (1u << 3)
#define ALL (SKL | HSW | IVB | ZN4)
#define NONE 0u
#define ANY 15

struct fact {
    uint8_t columns; /* a bit a core */
    uint8_t map, opcode, memory, wide, reg;
    struct form_class class;
};

#define G(ports, count) {ports, count},
#define FACT(columns, map, opcode, memory, wide, reg, latency, past, divider, groups, source)      \
    {columns, map, opcode, memory, wide, reg, {latency, past, divider, 0, {groups}}},
#define ZEN_FACT(map, opcode, memory, wide, reg, latency, past, divider, slots, groups, source)    \
    {ZN4, map, opcode, memory, wide, reg, {latency, past, divider, slots, {groups}}},
static const struct fact facts[] = {
#include "tables/facts.inc"
#include "tables/zen_facts.inc"
};
#undef FACT
#undef ZEN_FACT
#undef G

#define SYSTEM(id, effects, skylake, haswell, ivybridge, zen4, assumed, source)                    \
    {X86_INS_##id, effects, {skylake, haswell, ivybridge, zen4}, assumed, #id, source},
const struct system_row system_rows[] = {
#include "tables/system.inc"
};
#undef SYSTEM
const uint32_t system_row_count = sizeof system_rows / sizeof *system_rows;

const struct form_class *fact_find(const struct encoding *encoding, uint8_t column)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts && !encoding->vex; i++) {
        const struct fact *fact = &facts[i];
        if ((fact->columns >> column & 1) != 0 && fact->map == encoding->map &&
            fact->opcode == encoding->opcode && fact->memory == encoding->memory &&
            (fact->wide == ANY || fact->wide == encoding->wide) &&
            (fact->reg == ANY || fact->reg == encoding->reg)) {
            return &fact->class;
        }
    }
    return NULL;
}

static bool within(x86_reg value, x86_reg first, x86_reg last)
{
    return value >= first && value <= last;
}

static bool is_segment(x86_reg value)
{
    return value == X86_REG_DS || value == X86_REG_ES || value == X86_REG_SS ||
           value == X86_REG_FS || value == X86_REG_GS;
}

#define OPCODE_GROUP_5 0xffu
#define GROUP_5_FAR_CALL 3u
#define GROUP_5_FAR_JUMP 5u

/* Through memory: the library gives it the name of a near one. */
bool system_is_far_branch(const cs_insn *instruction)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    uint32_t reg = x86->modrm >> 3 & 7u;
    return x86->opcode[0] == OPCODE_GROUP_5 &&
           ((instruction->id == X86_INS_CALL && reg == GROUP_5_FAR_CALL) ||
            (instruction->id == X86_INS_JMP && reg == GROUP_5_FAR_JUMP));
}

static uint32_t particular_instruction(const cs_insn *instruction)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    if (system_is_far_branch(instruction)) {
        return instruction->id == X86_INS_CALL ? X86_INS_LCALL : X86_INS_LJMP;
    }
    if (instruction->id != X86_INS_MOV && instruction->id != X86_INS_POP) {
        return instruction->id;
    }
    x86_reg target = x86->operands[0].type == X86_OP_REG ? x86->operands[0].reg : X86_REG_INVALID;
    x86_reg origin = x86->op_count > 1 && x86->operands[1].type == X86_OP_REG ? x86->operands[1].reg
                                                                              : X86_REG_INVALID;
    if (target == X86_REG_CR3) {
        return X86_INS_MOV_TO_CR3;
    }
    if (within(target, X86_REG_CR0, X86_REG_CR15)) {
        return X86_INS_MOV_TO_CR;
    }
    if (within(origin, X86_REG_CR0, X86_REG_CR15)) {
        return X86_INS_MOV_FROM_CR;
    }
    if (within(target, X86_REG_DR0, X86_REG_DR15) || within(origin, X86_REG_DR0, X86_REG_DR15)) {
        return X86_INS_MOV_DR;
    }
    return is_segment(target) ? (uint32_t)X86_INS_MOV_TO_SEGMENT : instruction->id;
}

uint32_t system_row_of(const cs_insn *instruction)
{
    uint32_t particular = particular_instruction(instruction);
    for (uint32_t i = 0; i < system_row_count; i++) {
        if (system_rows[i].instruction == particular) {
            return i + 1;
        }
    }
    return 0;
}

uint32_t system_cycles_of(uint32_t instruction, uint8_t column)
{
    for (uint32_t i = 0; i < system_row_count; i++) {
        if (system_rows[i].instruction == instruction) {
            return system_rows[i].cycles[column];
        }
    }
    return 0;
}

bool system_flushes_translations(uint8_t row)
{
    return row != 0 && (system_rows[row - 1].effects & SYSTEM_FLUSHES_TLB) != 0;
}

int timing_cost_row(const struct timing_parameters *parameters, uint32_t row,
                    struct timing_cost *cost)
{
    if (row >= system_row_count) {
        return 0;
    }
    const struct system_row *found = &system_rows[row];
    *cost = (struct timing_cost){.name = found->name,
                                 .source = found->source,
                                 .cycles = found->cycles[parameters->column],
                                 .assumed = found->assumed >> parameters->column & 1};
    return 1;
}
