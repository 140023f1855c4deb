/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Effects on the x87 stack, by opcode: SDM volume 2, appendix A.5. See x87.h. */
#include "x87.h"

#define FIRST_OPCODE 0xd8u
#define PUSHED 0x80u /* the register below the top: st(7) */
#define ST0 0x01u
#define ST1 0x02u

/* Compares, by the reg field: FCOM and FCOMP of D8 and DC, of integers DA and DE. */
#define COMPARE 2u
#define COMPARE_AND_POP 3u

static struct x87_effect pushes(uint8_t reads, uint8_t writes)
{
    return (struct x87_effect){.reads = reads, .writes = writes | PUSHED, .turn = -1};
}

static struct x87_effect pops(uint8_t reads, uint8_t writes)
{
    return (struct x87_effect){.reads = reads, .writes = writes, .turn = 1};
}

static struct x87_effect changes(uint8_t reads, uint8_t writes)
{
    return (struct x87_effect){.reads = reads, .writes = writes};
}

/* A compare; the unit's own flags. */
static struct x87_effect compares(uint8_t reads, int8_t turn)
{
    return (struct x87_effect){.reads = reads, .turn = turn, .flags = X87_SETS_STATUS};
}

/* st(0) and a value from memory: what it is converted from makes no difference. */
static struct x87_effect arithmetic_with_memory(uint8_t reg)
{
    if (reg == COMPARE || reg == COMPARE_AND_POP) {
        return compares(ST0, reg == COMPARE_AND_POP);
    }
    return changes(ST0, ST0);
}

/* D9, DB, DD and DF: loads, stores, and what moves the state of the unit. */
static struct x87_effect transfer(uint8_t opcode, uint8_t reg)
{
    bool is_state = (opcode == 0xd9 || opcode == 0xdd) && reg >= 4;
    bool is_reserved = (opcode == 0xd9 && reg == 1) || (opcode == 0xdb && (reg & 5) == 4);
    if (is_state || is_reserved) {
        bool stores_status = opcode == 0xdd && reg == 7;
        return (struct x87_effect){.flags = stores_status ? X87_READS_STATUS : 0};
    }
    /* 5 is FLD of ten bytes and FILD of eight, 4 FBLD, 6 FBSTP, 7 the stores beside them. */
    if (reg == 0 || reg == 4 || reg == 5) {
        return pushes(0, 0);
    }
    return reg == 2 ? changes(ST0, 0) : pops(ST0, 0);
}

/* D9 C0 to FF: what has no operand, or only the stack's. */
static struct x87_effect operation(uint8_t reg, uint8_t rm)
{
    uint8_t named = (uint8_t)(1u << rm);
    switch (reg << 3 | rm) {
    case 0x20: /* FCHS */
    case 0x21: /* FABS */
    case 0x30: /* F2XM1 */
    case 0x3a: /* FSQRT */
    case 0x3c: /* FRNDINT */
    case 0x3e: /* FSIN */
    case 0x3f: /* FCOS */
        return changes(ST0, ST0);
    case 0x24: /* FTST */
    case 0x25: /* FXAM */
        return compares(ST0, 0);
    case 0x31: /* FYL2X */
    case 0x33: /* FPATAN */
    case 0x39: /* FYL2XP1 */
        return pops(ST0 | ST1, ST1);
    case 0x32: /* FPTAN */
    case 0x34: /* FXTRACT */
    case 0x3b: /* FSINCOS */
        return pushes(ST0, ST0);
    case 0x35: /* FPREM1 */
    case 0x38: /* FPREM */
    case 0x3d: /* FSCALE */
        return changes(ST0 | ST1, ST0);
    case 0x36: /* FDECSTP */
        return (struct x87_effect){.turn = -1};
    case 0x37: /* FINCSTP */
        return pops(0, 0);
    default:
        break;
    }
    switch (reg) {
    case 0: /* FLD st(i) */
        return pushes(named, 0);
    case 1: /* FXCH */
        return changes(ST0 | named, ST0 | named);
    case 5: /* constants */
        return pushes(0, 0);
    default: /* FNOP */
        return changes(0, 0);
    }
}

/* DA C0 to FF, DB C0 to FF. */
static struct x87_effect conditional_move(uint8_t reg, uint8_t rm)
{
    static const uint8_t flags[4] = {X87_READS_CARRY, X87_READS_FLAGS,
                                     X87_READS_CARRY | X87_READS_FLAGS, X87_READS_FLAGS};
    struct x87_effect effect = changes((uint8_t)(ST0 | 1u << rm), ST0);
    effect.flags = flags[reg];
    return effect;
}

/* FUCOMI, FCOMI and their popping forms. */
static struct x87_effect sets_flags(uint8_t rm, int8_t turn)
{
    return (struct x87_effect){
        .reads = (uint8_t)(ST0 | 1u << rm), .turn = turn, .flags = X87_SETS_FLAGS};
}

/* DA to DF C0 to FF, but for arithmetic. */
static struct x87_effect comparison_or_move(uint8_t opcode, uint8_t reg, uint8_t rm)
{
    uint8_t named = (uint8_t)(1u << rm);
    bool sets = reg == 5 || reg == 6;
    switch (opcode) {
    case 0xda:
        return reg < 4 ? conditional_move(reg, rm) : compares(ST0 | ST1, 2); /* FUCOMPP */
    case 0xdb:
        if (reg < 4) {
            return conditional_move(reg, rm);
        }
        return sets ? sets_flags(rm, 0) : changes(0, 0); /* FNINIT, FNCLEX */
    case 0xdf:
        if (reg == 4) { /* FNSTSW */
            return (struct x87_effect){.flags = X87_READS_STATUS};
        }
        return sets ? sets_flags(rm, 1) : pops(0, 0); /* FFREEP */
    default:
        break;
    }
    switch (reg) {
    case 2: /* FST */
        return changes(ST0, named);
    case 3: /* FSTP */
        return pops(ST0, named);
    case 4: /* FUCOM, FUCOMP */
    case 5:
        return compares(ST0 | named, reg == 5);
    default: /* FFREE */
        return changes(0, 0);
    }
}

static struct x87_effect register_form(uint8_t opcode, uint8_t reg, uint8_t rm)
{
    uint8_t named = (uint8_t)(1u << rm);
    switch (opcode) {
    case 0xd8:
        if (reg == COMPARE || reg == COMPARE_AND_POP) {
            return compares(ST0 | named, reg == COMPARE_AND_POP);
        }
        return changes(ST0 | named, ST0);
    case 0xd9:
        return operation(reg, rm);
    case 0xdc:
        return changes(ST0 | named, named);
    case 0xde:
        if (reg == COMPARE_AND_POP) { /* FCOMPP */
            return compares(ST0 | ST1, 2);
        }
        return pops(ST0 | named, named);
    default:
        return comparison_or_move(opcode, reg, rm);
    }
}

bool x87_is(const struct encoding *encoding)
{
    return encoding->map == 0 && encoding->vex == 0 && (encoding->opcode & 0xf8u) == FIRST_OPCODE;
}

struct x87_effect x87_effect_of(const struct encoding *encoding)
{
    uint8_t opcode = encoding->opcode;
    if (!x87_is(encoding)) {
        return changes(0, 0);
    }
    if (encoding->memory == 0) {
        return register_form(opcode, encoding->reg, encoding->rm);
    }
    return (opcode & 1) == 0 ? arithmetic_with_memory(encoding->reg)
                             : transfer(opcode, encoding->reg);
}

void x87_add_operands(const struct x87_effect *effect, uint8_t top, struct operands *operands)
{
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t slot = (uint8_t)(SLOT_X87 + (top + i) % 8);
        if ((effect->reads >> i & 1) != 0) {
            slot_add(&operands->sources, slot);
        }
        if ((effect->writes >> i & 1) != 0) {
            slot_add(&operands->destinations, slot);
        }
    }
    static const struct {
        uint8_t flag, source, destination;
    } flags[] = {
        {X87_SETS_STATUS, SLOT_NONE, SLOT_X87_STATUS},
        {X87_READS_STATUS, SLOT_X87_STATUS, SLOT_NONE},
        {X87_SETS_FLAGS, SLOT_NONE, SLOT_CARRY},
        {X87_SETS_FLAGS, SLOT_NONE, SLOT_FLAGS},
        {X87_READS_CARRY, SLOT_CARRY, SLOT_NONE},
        {X87_READS_FLAGS, SLOT_FLAGS, SLOT_NONE},
    };
    for (uint32_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if ((effect->flags & flags[i].flag) != 0) {
            slot_add(&operands->sources, flags[i].source);
            slot_add(&operands->destinations, flags[i].destination);
        }
    }
}
