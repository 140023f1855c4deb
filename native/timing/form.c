/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The derived tables, and the search in them: see form.h. */
#include "form.h"

#include <stddef.h>

#include "parameters.h"

#define ANY 15
#define FORM_FIELDS 10
#define INTEL_COLUMNS 3u

/* The families' class names differ: those of Zen have macro-operations in them. */
enum class_name {
#define G(ports, count)
#define CLASS(name, ...) CLASS_##name,
#include "tables/classes.inc"
#include "tables/zen_classes.inc"
#undef CLASS
#undef G
    CLASS_COUNT
};

static const struct form_class classes[CLASS_COUNT] = {
#define G(ports, count) {ports, count},
#define CLASS(name, latency, past, divider, groups) {latency, past, divider, 0, {groups}},
#include "tables/classes.inc"
#undef CLASS
#define CLASS(name, latency, past, divider, macro_ops, groups)                                     \
    {latency, past, divider, macro_ops, {groups}},
#include "tables/zen_classes.inc"
#undef CLASS
#undef G
};

struct form {
    uint8_t field[FORM_FIELDS]; /* in the order of struct encoding */
    uint16_t class[INTEL_COLUMNS];
};

#define FORM(a, b, c, d, e, f, g, h, i, j, first, second, third)                                   \
    {{a, b, c, d, e, f, g, h, i, j}, {CLASS_##first, CLASS_##second, CLASS_##third}},
static const struct form intel_forms[] = {
#include "tables/forms.inc"
};
#undef FORM

#define FORM(a, b, c, d, e, f, g, h, i, j, only) {{a, b, c, d, e, f, g, h, i, j}, {CLASS_##only}},
static const struct form zen_forms[] = {
#include "tables/zen_forms.inc"
};
#undef FORM

struct form_table {
    const struct form *rows;
    size_t count;
    uint8_t first_column;
};

static const struct form_table tables[] = {
    [FAMILY_INTEL] = {intel_forms, sizeof intel_forms / sizeof *intel_forms, 0},
    [FAMILY_ZEN] = {zen_forms, sizeof zen_forms / sizeof *zen_forms, INTEL_COLUMNS},
};

/* Rows are sorted by their fields, and no encoding matches two of them. */
static size_t first_form(const struct form_table *table, const uint8_t *field)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = 0;
        for (uint32_t i = 0; i < 5 && order == 0; i++) {
            order = (int)table->rows[middle].field[i] - (int)field[i];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct form_class *form_find(const struct encoding *encoding,
                                   const struct timing_parameters *core)
{
    const struct form_table *table = &tables[core->family];
    const uint8_t *field = &encoding->code32;
    for (size_t row = first_form(table, field); row < table->count; row++) {
        bool matches = true;
        for (uint32_t i = 0; i < FORM_FIELDS && matches; i++) {
            uint8_t value = table->rows[row].field[i];
            if (i < 5 && value != field[i]) {
                return NULL;
            }
            matches = value == ANY || value == field[i];
        }
        if (matches) {
            return &classes[table->rows[row].class[core->column - table->first_column]];
        }
    }
    return NULL;
}

/* Intel SDM volume 2, appendix A: which opcodes of the first two maps ModRM follows. */
static bool has_modrm(uint8_t map, uint8_t opcode)
{
    static const uint32_t without_first[8] = {0xf0f0f0f0, 0xf0f0f0f0, 0xffffffff, 0xfffff5f3,
                                              0xffff0000, 0xffffffff, 0x00f0ff0c, 0x3f3fffff};
    static const uint32_t without_second[8] = {0x00005ff0, 0xffff00f0, 0x00000000, 0x00800000,
                                               0x0000ffff, 0x00000707, 0x0000ff00, 0x00000000};
    if (map >= 2) {
        return true;
    }
    const uint32_t *without = map == 0 ? without_first : without_second;
    return (without[opcode >> 5] >> (opcode & 31) & 1) == 0;
}

static uint32_t parse_vex(struct encoding *encoding, const uint8_t *bytes, uint32_t at)
{
    bool three = bytes[at] == 0xc4;
    uint8_t last = three ? bytes[at + 2] : bytes[at + 1];
    static const uint8_t prefixes[4] = {0, 1, 2, 3};
    encoding->vex = 1;
    encoding->map = three ? bytes[at + 1] & 31 : 1;
    encoding->wide = three ? last >> 7 : 0;
    encoding->extended_length = last >> 2 & 1;
    encoding->prefix = prefixes[last & 3];
    return at + (three ? 3 : 2);
}

static uint32_t parse_legacy_prefixes(struct encoding *encoding, const uint8_t *bytes,
                                      uint32_t size_bytes)
{
    uint32_t at = 0;
    for (; at + 1 < size_bytes; at++) {
        switch (bytes[at]) {
        case 0x66:
            encoding->operand_size_prefix = true;
            encoding->prefix = encoding->prefix == 0 ? 1 : encoding->prefix;
            break;
        case 0xf3:
        case 0xf2:
            encoding->prefix = bytes[at] == 0xf3 ? 2 : 3;
            encoding->repeat_prefix = true;
            break;
        case 0xf0:
            encoding->lock_prefix = true;
            break;
        case 0x67:
            encoding->address_size_prefix = true;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
            break;
        default:
            return at;
        }
    }
    return at;
}

static uint32_t parse_map(struct encoding *encoding, const uint8_t *bytes, uint32_t at)
{
    if (bytes[at] != 0x0f) {
        return at;
    }
    encoding->map = 1;
    at++;
    if (bytes[at] == 0x38 || bytes[at] == 0x3a) {
        encoding->map = bytes[at] == 0x38 ? 2 : 3;
        at++;
    }
    return at;
}

/* A0 to A3 name an address without a ModRM byte, and are otherwise these moves. */
#define OPCODE_ABSOLUTE 0xa0u
static const uint8_t absolute_move[4] = {0x8a, 0x8b, 0x88, 0x89};

void encoding_parse(struct encoding *encoding, const uint8_t *bytes, uint32_t size_bytes,
                    bool code32)
{
    *encoding = (struct encoding){0};
    uint32_t at = parse_legacy_prefixes(encoding, bytes, size_bytes);
    if (!code32 && (bytes[at] & 0xf0) == 0x40 && at + 1 < size_bytes) {
        encoding->wide = bytes[at] >> 3 & 1;
        at++;
    }
    bool is_vex = (bytes[at] == 0xc4 || bytes[at] == 0xc5) && at + 2 < size_bytes &&
                  (!code32 || (bytes[at + 1] & 0xc0) == 0xc0);
    at = is_vex ? parse_vex(encoding, bytes, at) : parse_map(encoding, bytes, at);
    encoding->prefix_bytes = (uint8_t)at;
    encoding->opcode = bytes[at];
    bool modrm = encoding->vex ? !(encoding->map == 1 && encoding->opcode == 0x77)
                               : has_modrm(encoding->map, encoding->opcode);
    if (modrm && at + 1 < size_bytes) {
        uint8_t byte = bytes[at + 1];
        encoding->memory = byte < 0xc0;
        encoding->reg = byte >> 3 & 7;
        encoding->rm = encoding->memory ? 0 : byte & 7;
    }
    if (encoding->map == 0 && !encoding->vex && (encoding->opcode & 0xfc) == OPCODE_ABSOLUTE) {
        encoding->opcode = absolute_move[encoding->opcode & 3];
        encoding->memory = 1;
    }
    static const uint8_t only32[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
                                     0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x82, 0x9a,
                                     0xc4, 0xc5, 0xce, 0xd4, 0xd5, 0xea};
    if (code32 && encoding->map == 0 && !encoding->vex) {
        bool found = (encoding->opcode & 0xf0) == 0x40;
        for (uint32_t i = 0; i < sizeof only32; i++) {
            found = found || only32[i] == encoding->opcode;
        }
        encoding->code32 = found;
    }
}
