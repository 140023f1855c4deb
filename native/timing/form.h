/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds what the derived tables say of an encoding: which ports, how long. Called by the
 * decoder once an instruction; knows no operand and no register.
 */
#ifndef TIMING_FORM_H
#define TIMING_FORM_H

#include <stdbool.h>
#include <stdint.h>

#define FORM_GROUP_LIMIT 16u

/* The fields by which forms are told apart; see tables/derive.py. */
struct encoding {
    uint8_t code32, vex, map, opcode, memory, prefix, wide, extended_length, reg, rm;
    uint8_t prefix_bytes; /* before the opcode proper: where a predecoder counts it */
    bool operand_size_prefix;
    bool repeat_prefix; /* F2 or F3 */
    bool lock_prefix;
    bool address_size_prefix;
};

struct timing_parameters;

struct port_group {
    uint16_t ports;
    uint8_t count;
};

struct form_class {
    uint16_t latency_cycles;
    uint16_t register_latency_cycles; /* from a register operand, past the load */
    uint16_t divider_cycles;
    uint16_t macro_ops; /* issue slots; 0: as its operations fuse */
    struct port_group groups[FORM_GROUP_LIMIT];
};

void encoding_parse(struct encoding *encoding, const uint8_t *bytes, uint32_t size_bytes,
                    bool code32);

/* What LLVM's model says on one core; NULL when it knows no such form. */
const struct form_class *form_find(const struct encoding *encoding,
                                   const struct timing_parameters *core);

#endif
