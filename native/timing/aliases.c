/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The aliases: see aliases.h. */
#include "aliases.h"

#include <stdbool.h>
#include <string.h>

#define TWO_BYTE_OPCODE 0x0fu
#define LONG_NOP 0x1fu

/*
 * The register forms that repeat others: sandpile.org, floating-point opcodes, quoted from memory.
 * The engine executes them so.
 */
static const struct {
    uint8_t opcode, first; /* of eight ModRM bytes */
    uint8_t documented_opcode, documented_first;
} x87_aliases[] = {
    {0xdc, 0xd0, 0xd8, 0xd0}, /* FCOM */
    {0xdc, 0xd8, 0xd8, 0xd8}, /* FCOMP */
    {0xdd, 0xc8, 0xd9, 0xc8}, /* FXCH */
    {0xde, 0xd0, 0xd8, 0xd8}, /* FCOMP */
    {0xdf, 0xc8, 0xd9, 0xc8}, /* FXCH */
    {0xdf, 0xd0, 0xdd, 0xd8}, /* FSTP */
    {0xdf, 0xd8, 0xdd, 0xd8}, /* FSTP */
};

static bool is_prefix(uint8_t byte)
{
    return byte == 0x66 || byte == 0xf2 || byte == 0xf3 || (byte & 0xe7) == 0x26 || byte == 0x64 ||
           byte == 0x65 || byte == 0x67;
}

static bool rewrite_x87(uint8_t *opcode)
{
    for (size_t i = 0; i < sizeof x87_aliases / sizeof *x87_aliases; i++) {
        if (opcode[0] == x87_aliases[i].opcode && (opcode[1] & 0xf8) == x87_aliases[i].first) {
            opcode[0] = x87_aliases[i].documented_opcode;
            opcode[1] = (uint8_t)(x87_aliases[i].documented_first | (opcode[1] & 7));
            return true;
        }
    }
    return false;
}

/* SDM volume 2, table A-3: 0F 0D and 0F 18 to 1F are hints, and without a meaning NOPs. */
static bool rewrite_hint(uint8_t *opcode)
{
    bool is_hint = opcode[0] == TWO_BYTE_OPCODE &&
                   (opcode[1] == 0x0d || (opcode[1] >= 0x18 && opcode[1] < LONG_NOP));
    if (is_hint) {
        opcode[1] = LONG_NOP;
        opcode[2] &= 0xc7; /* /0 */
    }
    return is_hint;
}

size_t alias_rewrite(uint8_t documented[ALIAS_LIMIT_BYTES], const uint8_t *bytes, size_t size_bytes)
{
    size_t size = size_bytes < ALIAS_LIMIT_BYTES ? size_bytes : ALIAS_LIMIT_BYTES;
    size_t at = 0;
    memset(documented, 0, ALIAS_LIMIT_BYTES);
    memcpy(documented, bytes, size);
    while (at < size && is_prefix(bytes[at])) {
        at++;
    }
    return at + 3 <= ALIAS_LIMIT_BYTES &&
                   (rewrite_x87(documented + at) || rewrite_hint(documented + at))
               ? size
               : 0;
}
