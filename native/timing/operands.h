/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one instruction reads and writes, as slots. The decoder library says most of it;
 * operands.c corrects what it gets wrong. Called by decode.c only.
 */
#ifndef TIMING_OPERANDS_H
#define TIMING_OPERANDS_H

#include <capstone/capstone.h>
#include <stdbool.h>
#include <stdint.h>

#include "form.h"
#include "slots.h"

#define OPERAND_SLOT_LIMIT 12u

struct slot_set {
    uint8_t count;
    uint8_t slots[OPERAND_SLOT_LIMIT];
};

struct operands {
    struct slot_set address; /* base and index of the memory operand */
    struct slot_set sources; /* registers and flags, without those of the address */
    struct slot_set destinations;
    bool has_memory;
    bool is_load;
    bool is_store;
    bool has_index;
    bool relative; /* to the instruction pointer */
    bool same_registers; /* all register operands are one register */
    bool has_immediate;
    uint8_t register_operands;
    uint8_t size_bytes; /* of the memory operand, or of the first operand */
    int64_t displacement;
};

void slot_add(struct slot_set *set, uint8_t slot);
bool slot_contains(const struct slot_set *set, uint8_t slot);

/* Of an x87 instruction only what is not its unit's, nor flags: x87.h has the rest. */
void operands_read(struct operands *operands, const cs_insn *instruction, bool is_x87);

#endif
