/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An interpreter of a small register machine, running the Collatz sequence of many
 * numbers: short handlers, an indirect jump a step, branches that are hard to guess.
 */
#include "kernels.h"

#define START_COUNT 200
#define REGISTER_COUNT 4

enum operation {
    OPERATION_load,         /* a = argument */
    OPERATION_add,          /* a += b */
    OPERATION_add_constant, /* a += argument */
    OPERATION_triple,       /* a = 3 a + 1 */
    OPERATION_halve,        /* a /= 2 */
    OPERATION_exclusive_or, /* a ^= b */
    OPERATION_rotate,       /* a = a rotated left by argument */
    OPERATION_jump,         /* to argument */
    OPERATION_jump_odd,     /* to argument if a is odd */
    OPERATION_jump_not_one, /* to argument if a is not 1 */
    OPERATION_jump_below,   /* to argument if a < b */
    OPERATION_copy,         /* a = b */
    OPERATION_halt
};

struct instruction {
    uint8_t operation;
    uint8_t a;
    uint8_t b;
    uint8_t argument;
};

/* r0: the number; r1: checksum; r2: the next start; r3: the end. */
static const struct instruction program[] = {
    /* 0 */ {OPERATION_copy, 0, 2, 0},
    /* 1 */ {OPERATION_jump_odd, 0, 0, 4},
    /* 2 */ {OPERATION_halve, 0, 0, 0},
    /* 3 */ {OPERATION_jump, 0, 0, 5},
    /* 4 */ {OPERATION_triple, 0, 0, 0},
    /* 5 */ {OPERATION_rotate, 1, 0, 5},
    /* 6 */ {OPERATION_exclusive_or, 1, 0, 0},
    /* 7 */ {OPERATION_jump_not_one, 0, 0, 1},
    /* 8 */ {OPERATION_add_constant, 2, 0, 1},
    /* 9 */ {OPERATION_add, 1, 2, 0},
    /* 10 */ {OPERATION_jump_below, 2, 3, 0},
    /* 11 */ {OPERATION_load, 0, 0, 0},
    /* 12 */ {OPERATION_halt, 0, 0, 0},
};

static uint64_t interpret(uint64_t *registers)
{
    const struct instruction *at = program;

    for (;;) {
        uint64_t *a = &registers[at->a];
        uint64_t b = registers[at->b];
        uint64_t argument = at->argument;
        int jump = 0;

        switch ((enum operation)at->operation) {
        case OPERATION_load:
            *a = argument;
            break;
        case OPERATION_add:
            *a += b;
            break;
        case OPERATION_add_constant:
            *a += argument;
            break;
        case OPERATION_triple:
            *a = *a * 3 + 1;
            break;
        case OPERATION_halve:
            *a /= 2;
            break;
        case OPERATION_exclusive_or:
            *a ^= b;
            break;
        case OPERATION_rotate:
            *a = *a << argument | *a >> (64 - argument);
            break;
        case OPERATION_jump:
            jump = 1;
            break;
        case OPERATION_jump_odd:
            jump = (*a & 1) != 0;
            break;
        case OPERATION_jump_not_one:
            jump = *a != 1;
            break;
        case OPERATION_jump_below:
            jump = *a < b;
            break;
        case OPERATION_copy:
            *a = b;
            break;
        case OPERATION_halt:
            return registers[1];
        }
        at = jump ? &program[argument] : at + 1;
    }
}

uint64_t bytecode_run(uint64_t seed)
{
    uint64_t registers[REGISTER_COUNT] = {0};

    registers[1] = seed;
    registers[2] = 1 + seed % 1024;
    registers[3] = registers[2] + START_COUNT;
    return interpret(registers);
}
