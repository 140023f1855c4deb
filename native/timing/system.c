/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hand-kept tables: see system.h. */
#include "system.h"

#include <stddef.h>

#define SKL (1u << 0)
#define HSW (1u << 1)
#define IVB (1u << 2)
#define ANY 15

struct fact {
    uint8_t columns; /* a bit a core */
    uint8_t map, opcode, memory, wide, reg;
    struct form_class class;
};

#define G(ports, count) {ports, count},
#define FACT(columns, map, opcode, memory, wide, reg, latency, past, divider, groups, source)      \
    {columns, map, opcode, memory, wide, reg, {latency, past, divider, {groups}}},
static const struct fact facts[] = {
#include "tables/facts.inc"
};
#undef FACT
#undef G

#define SYSTEM(id, effects, skylake, haswell, ivybridge, assumed, source)                          \
    {X86_INS_##id, effects, {skylake, haswell, ivybridge}, assumed, #id, source},
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

uint32_t system_row_of(const cs_insn *instruction)
{
    for (uint32_t i = 0; i < system_row_count; i++) {
        if (system_rows[i].instruction == instruction->id) {
            return i + 1;
        }
    }
    return 0;
}

uint16_t system_branch_ports(const struct timing_parameters *core)
{
    return (uint16_t)(core->branch_ports | (core->port_count > 6 ? 1u : 0u));
}
