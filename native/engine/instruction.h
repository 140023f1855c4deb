/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The encodings that we decode ourselves, since a general decoder and the engine disagree about
 * them: far transfers (call, jump and return to another code segment, return from an
 * interrupt), and a few harmless ones. Pure: bytes in, fields out. Read by blocks.c, which
 * stops the engine before far transfers, and by far_transfer.c, which executes them.
 */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include <stdbool.h>
#include <stdint.h>

#define INSTRUCTION_LIMIT_BYTES 15u
#define FAR_NO_REGISTER 16u

enum far_kind {
    FAR_NONE = 0, /* another instruction, or bytes that are none */
    FAR_UNDEFINED, /* one whose form does not exist: #UD */
    FAR_CALL,
    FAR_JUMP,
    FAR_RETURN,
    FAR_INTERRUPT_RETURN
};

/* An operand in memory. Registers are numbered as encoded; FAR_NO_REGISTER: none. */
struct far_address {
    unsigned base;
    unsigned index;
    unsigned scale_shift;
    unsigned segment; /* as encoded: ES, CS, SS, DS, FS, GS */
    unsigned size_bytes; /* of an address */
    bool rip_relative;
    int32_t displacement;
};

struct far_instruction {
    enum far_kind kind;
    uint32_t size_bytes;
    uint32_t operand_size_bytes;
    bool in_memory; /* the pointer; otherwise offset and selector are in the instruction */
    uint16_t selector;
    uint32_t offset;
    uint16_t released_bytes; /* of the stack, by a return */
    struct far_address address;
};

/* long_mode: 64-bit code; otherwise 32-bit code. Bytes behind the instruction do no harm. */
struct far_instruction far_instruction_decode(const uint8_t *bytes, uint32_t size_bytes,
                                              bool long_mode);

/*
 * The size of an instruction that has no immediate and does no harm, though a general decoder
 * may not know it: hints without effect, other encodings of harmless ones. 0: it is another.
 */
uint32_t harmless_instruction_size(const uint8_t *bytes, uint32_t size_bytes, bool long_mode);

#endif
