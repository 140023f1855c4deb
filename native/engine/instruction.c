/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoding: see instruction.h. */
#include "instruction.h"

#include <string.h>

#define REX_WIDE 0x8u
#define REX_INDEX 0x2u
#define REX_BASE 0x1u
#define REGISTER_RSP 4u
#define REGISTER_RBP 5u

#define SEGMENT_SS 2u
#define SEGMENT_DS 3u
#define SEGMENT_FS 4u
#define SEGMENT_GS 5u
#define SEGMENT_DEFAULT 6u

/* Where decoding has got to, and what the prefixes said. */
struct cursor {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t at;
    bool long_mode;
    bool short_operand, other_address, lock;
    uint8_t rex;
    unsigned segment;
    bool exhausted; /* more bytes were needed than there are */
};

static uint32_t take(struct cursor *cursor, uint32_t size_bytes)
{
    uint32_t value = 0;
    if (cursor->size_bytes - cursor->at < size_bytes) {
        cursor->exhausted = true;
        return 0;
    }
    memcpy(&value, cursor->bytes + cursor->at, size_bytes);
    cursor->at += size_bytes;
    return value;
}

static bool take_segment_prefix(struct cursor *cursor, uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        /* In 64-bit code these four are there and mean nothing. */
        if (!cursor->long_mode) {
            cursor->segment = byte >> 3 & 3;
        }
        return true;
    case 0x64:
    case 0x65:
        cursor->segment = byte == 0x64 ? SEGMENT_FS : SEGMENT_GS;
        return true;
    default:
        return false;
    }
}

static bool take_prefix(struct cursor *cursor, uint8_t byte)
{
    switch (byte) {
    case 0x66:
        cursor->short_operand = true;
        return true;
    case 0x67:
        cursor->other_address = true;
        return true;
    case 0xf0:
        cursor->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return take_segment_prefix(cursor, byte);
    }
}

/* REX counts only right before the opcode. */
static void take_prefixes(struct cursor *cursor)
{
    while (cursor->at < cursor->size_bytes) {
        uint8_t byte = cursor->bytes[cursor->at];
        if (cursor->long_mode && (byte & 0xf0) == 0x40) {
            cursor->rex = byte;
        } else if (take_prefix(cursor, byte)) {
            cursor->rex = 0;
        } else {
            return;
        }
        cursor->at++;
    }
}

static void take_displacement(struct cursor *cursor, struct far_address *address, unsigned mode)
{
    if (mode == 1) {
        address->displacement = (int8_t)take(cursor, 1);
    } else if (mode == 2) {
        address->displacement =
            address->size_bytes == 2 ? (int16_t)take(cursor, 2) : (int32_t)take(cursor, 4);
    }
}

static void take_index(struct cursor *cursor, struct far_address *address, unsigned mode)
{
    uint32_t byte = take(cursor, 1);
    unsigned index = (byte >> 3 & 7) | (cursor->rex & REX_INDEX ? 8 : 0);
    address->scale_shift = byte >> 6;
    address->index = index == REGISTER_RSP ? FAR_NO_REGISTER : index;
    address->base = (byte & 7) | (cursor->rex & REX_BASE ? 8 : 0);
    if ((byte & 7) == REGISTER_RBP && mode == 0) {
        address->base = FAR_NO_REGISTER;
        address->displacement = (int32_t)take(cursor, 4);
    }
}

/* The forms of 32 and 64 bits. */
static void take_address(struct cursor *cursor, struct far_address *address, uint32_t byte)
{
    unsigned mode = byte >> 6;
    address->base = (byte & 7) | (cursor->rex & REX_BASE ? 8 : 0);
    address->index = FAR_NO_REGISTER;
    if ((byte & 7) == REGISTER_RSP) {
        take_index(cursor, address, mode);
    } else if ((byte & 7) == REGISTER_RBP && mode == 0) {
        address->base = FAR_NO_REGISTER;
        address->rip_relative = cursor->long_mode;
        address->displacement = (int32_t)take(cursor, 4);
    }
    take_displacement(cursor, address, mode);
}

/* The eight forms of 16 bits, where BX, BP, SI and DI are 3, 5, 6 and 7. */
static void take_short_address(struct cursor *cursor, struct far_address *address, uint32_t byte)
{
    static const unsigned bases[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const unsigned indexes[4] = {6, 7, 6, 7};
    unsigned mode = byte >> 6;
    unsigned form = byte & 7;
    address->base = bases[form];
    address->index = form < 4 ? indexes[form] : FAR_NO_REGISTER;
    if (form == 6 && mode == 0) {
        address->base = FAR_NO_REGISTER;
        address->displacement = (int16_t)take(cursor, 2);
    }
    take_displacement(cursor, address, mode);
}

static unsigned default_segment(unsigned base)
{
    return base == REGISTER_RSP || base == REGISTER_RBP ? SEGMENT_SS : SEGMENT_DS;
}

/* The operand that a byte of mode, register and memory introduces; not one in a register. */
static void take_operand(struct cursor *cursor, struct far_address *address, uint32_t byte)
{
    address->size_bytes =
        cursor->long_mode ? (cursor->other_address ? 4 : 8) : (cursor->other_address ? 2 : 4);
    if (address->size_bytes == 2) {
        take_short_address(cursor, address, byte);
    } else {
        take_address(cursor, address, byte);
    }
    address->segment =
        cursor->segment == SEGMENT_DEFAULT ? default_segment(address->base) : cursor->segment;
}

/* `call` and `jmp` through memory; with a register instead of memory they do not exist. */
static enum far_kind take_indirect(struct cursor *cursor, struct far_instruction *instruction)
{
    uint32_t byte = take(cursor, 1);
    unsigned extension = byte >> 3 & 7;
    if (cursor->exhausted || (extension != 3 && extension != 5)) {
        return FAR_NONE;
    }
    if (byte >> 6 == 3) {
        return FAR_UNDEFINED;
    }
    take_operand(cursor, &instruction->address, byte);
    instruction->in_memory = true;
    return extension == 3 ? FAR_CALL : FAR_JUMP;
}

/* The pointer in the instruction; 64-bit code has no such form. */
static enum far_kind take_direct(struct cursor *cursor, struct far_instruction *instruction,
                                 enum far_kind kind)
{
    if (cursor->long_mode) {
        return FAR_UNDEFINED;
    }
    instruction->offset = take(cursor, instruction->operand_size_bytes);
    instruction->selector = (uint16_t)take(cursor, 2);
    return kind;
}

static enum far_kind take_opcode(struct cursor *cursor, struct far_instruction *instruction)
{
    switch (take(cursor, 1)) {
    case 0x9a:
        return take_direct(cursor, instruction, FAR_CALL);
    case 0xea:
        return take_direct(cursor, instruction, FAR_JUMP);
    case 0xca:
        instruction->released_bytes = (uint16_t)take(cursor, 2);
        return FAR_RETURN;
    case 0xcb:
        return FAR_RETURN;
    case 0xcf:
        return FAR_INTERRUPT_RETURN;
    case 0xff:
        return take_indirect(cursor, instruction);
    default:
        return FAR_NONE;
    }
}

static struct cursor cursor_at(const uint8_t *bytes, uint32_t size_bytes, bool long_mode)
{
    struct cursor cursor = {
        .bytes = bytes,
        .size_bytes = size_bytes < INSTRUCTION_LIMIT_BYTES ? size_bytes : INSTRUCTION_LIMIT_BYTES,
        .long_mode = long_mode,
        .segment = SEGMENT_DEFAULT,
    };
    take_prefixes(&cursor);
    return cursor;
}

struct far_instruction far_instruction_decode(const uint8_t *bytes, uint32_t size_bytes,
                                              bool long_mode)
{
    struct far_instruction instruction;
    struct cursor cursor = cursor_at(bytes, size_bytes, long_mode);
    memset(&instruction, 0, sizeof instruction);
    instruction.operand_size_bytes = cursor.short_operand ? 2 : 4;
    if ((cursor.rex & REX_WIDE) != 0) {
        instruction.operand_size_bytes = 8;
    }
    instruction.kind = take_opcode(&cursor, &instruction);
    instruction.size_bytes = cursor.at;
    if (cursor.exhausted) {
        instruction.kind = FAR_NONE;
    } else if (instruction.kind != FAR_NONE && cursor.lock) {
        instruction.kind = FAR_UNDEFINED;
    }
    return instruction;
}

/* Prefetches and hints; bit scans with a prefix that means nothing. */
static bool is_harmless_extended(uint32_t opcode)
{
    return opcode == 0x0d || (opcode >= 0x18 && opcode <= 0x1f) || opcode == 0xbc || opcode == 0xbd;
}

uint32_t harmless_instruction_size(const uint8_t *bytes, uint32_t size_bytes, bool long_mode)
{
    struct cursor cursor = cursor_at(bytes, size_bytes, long_mode);
    struct far_address address;
    uint32_t opcode = take(&cursor, 1);
    bool extended = opcode == 0x0f;
    if (extended) {
        opcode = take(&cursor, 1);
    }
    uint32_t byte = take(&cursor, 1);
    bool in_register = byte >> 6 == 3;
    /* Floating point has two encodings of some forms on registers; MOVSXD is 64-bit code's. */
    bool harmless = extended
                        ? is_harmless_extended(opcode)
                        : (opcode == 0x63 && long_mode) || (opcode >> 3 == 0x1b && in_register);
    if (harmless && !in_register) {
        memset(&address, 0, sizeof address);
        take_operand(&cursor, &address, byte);
    }
    return harmless && !cursor.exhausted && !cursor.lock ? cursor.at : 0;
}
