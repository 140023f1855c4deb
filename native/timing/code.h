/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decoded block: instructions and their micro-ops, as the core executes them. Made by
 * decode.c, read by the core; holds nothing that changes while it runs.
 */
#ifndef TIMING_CODE_H
#define TIMING_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

#define UOP_SOURCE_LIMIT 6u
#define UOP_FEW_SOURCES 4u      /* are read without a loop, and so are always there */
#define UOP_FEW_DESTINATIONS 2u /* are written without one */
#define UOP_PORT_LIMIT 4u
#define UOP_DESTINATION_LIMIT 4u

enum uop_flag {
    UOP_LOAD = 1 << 0,
    UOP_STORE_ADDRESS = 1 << 1,
    UOP_STORE_DATA = 1 << 2,
    UOP_NOT_EXECUTED = 1 << 3, /* done at rename: nop, zero idiom, eliminated move */
    UOP_FUSED = 1 << 4,        /* issues and retires in the slot of the one before */
    UOP_FAST_ADDRESS = 1 << 5, /* base + displacement below 2048 */
    UOP_MOVE = 1 << 6,         /* its result is ready with its source */
    UOP_BRANCH = 1 << 7,
    UOP_PLAIN = 1 << 10,       /* reads registers, takes a port, writes registers: nothing else */
    UOP_ALTERNATES = 1 << 9,   /* takes the loads' ports in turn */
    UOP_BALANCED = 1 << 11,    /* takes the emptiest of its ports */
    UOP_LOCKED = 1 << 8,       /* waits for all stores before it; all loads after wait for it */
};

struct uop {
    uint16_t ports;
    uint16_t divider_cycles;
    uint16_t latency_cycles;
    uint16_t flags;
    uint8_t source_count;
    uint8_t destination_count;
    uint8_t base; /* the slot of a load's base register, or SLOT_NONE */
    uint8_t port_count;
    uint8_t port_list[UOP_PORT_LIMIT];
    uint8_t sources[UOP_SOURCE_LIMIT];
    uint8_t destinations[UOP_DESTINATION_LIMIT];
    uint64_t destination_bits; /* a bit a slot */
};

enum instruction_flag {
    INSTRUCTION_COMPLEX = 1 << 0,      /* only the first decoder takes it */
    INSTRUCTION_MICROCODED = 1 << 1,
    INSTRUCTION_LENGTH_CHANGE = 1 << 2, /* a prefix changes its length */
    INSTRUCTION_FUSES = 1 << 3,        /* is decoded with the next as one */
    INSTRUCTION_MAY_FUSE = 1 << 7,     /* would be, were a branch to follow */
    INSTRUCTION_STACK = 1 << 4,        /* moves the stack pointer in the front end */
    INSTRUCTION_STACK_READ = 1 << 5,   /* needs the stack pointer itself */
    INSTRUCTION_STACK_WRITE = 1 << 6,  /* replaces the stack pointer, and with it the offset */
    INSTRUCTION_CONDITIONAL = 1 << 8,
    INSTRUCTION_INDIRECT = 1 << 9,
    INSTRUCTION_CALL = 1 << 10,
    INSTRUCTION_RETURN = 1 << 11,
    INSTRUCTION_JUMP = 1 << 12,
    INSTRUCTION_REPEATED = 1 << 13, /* as many accesses as its count says */
    INSTRUCTION_UNKNOWN = 1 << 14,  /* timed by the documented default */
    INSTRUCTION_SYSTEM = 1 << 15,   /* has a row of tables/system.inc */
};

struct instruction {
    uint16_t flags;
    uint16_t first_uop;
    uint16_t uop_count;
    uint16_t slot_count; /* issue slots */
    uint16_t decoded_uops; /* fused, before indexed addresses are torn apart */
    uint8_t size_bytes;
    uint8_t prefix_bytes;
    uint8_t load_count; /* architectural accesses, in this order */
    uint8_t store_count;
    int8_t x87_turn; /* registers that it pops, less those that it pushes */
    uint8_t system; /* 1 and up: a row of tables/system.inc; 0: none */
};

#define ADDRESS_NONE 255u
#define ADDRESS_BLOCK 254u /* as a base: where the block begins */
/* Segments in encoding order: es cs ss ds fs gs. */
#define ADDRESS_SEGMENT_SS 2u
#define ADDRESS_SEGMENT_DS 3u
#define ADDRESS_SEGMENT_FS 4u

/* Segment base + base + (index << shift) + displacement. */
struct address_form {
    int64_t displacement;
    uint8_t base; /* registers in encoding order */
    uint8_t index;
    uint8_t shift;
    uint8_t segment;
    bool is_write;
    bool narrow; /* addresses end at 4 GiB */
    uint16_t size_bytes;
    uint32_t instruction; /* of the block, from 0 */
};

struct timing_code {
    uint64_t address;
    uint32_t size_bytes;
    uint32_t instruction_count;
    uint32_t uop_count;
    uint32_t unknown_count;
    uint32_t load_count;
    uint32_t store_count;
    bool turns_x87; /* some instruction pushes or pops */
    bool flushes_translations; /* it loads a root, or drops what was translated */
    bool repeats;              /* its last instruction is a repeated one, with accesses */
    uint32_t form_count;
    struct instruction *instructions;
    struct uop *uops;
    struct address_form *forms; /* of all accesses, in order */
};

/* What a decoded block holds, without the unused rest of its arrays. */
static inline uint64_t timing_code_size_bytes(const struct timing_code *code)
{
    return sizeof *code + code->instruction_count * sizeof *code->instructions +
           code->uop_count * sizeof *code->uops + code->form_count * sizeof *code->forms;
}

/* Where an instruction begins in its block. */
static inline uint64_t timing_code_offset(const struct timing_code *code, uint32_t instruction)
{
    uint64_t offset = 0;
    for (uint32_t i = 0; i < instruction; i++) {
        offset += code->instructions[i].size_bytes;
    }
    return offset;
}

/* How many instructions lie before an offset. */
static inline uint32_t timing_code_count(const struct timing_code *code, uint64_t offset)
{
    uint64_t at = 0;
    uint32_t count = 0;
    while (count < code->instruction_count && at < offset) {
        at += code->instructions[count++].size_bytes;
    }
    return count;
}

#endif
