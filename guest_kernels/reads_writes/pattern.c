/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the words of a sector.
 */
#include "pattern.h"

#define WORD_COUNT (SECTOR_SIZE_BYTES / sizeof(uint32_t))

static uint32_t word_of(uint32_t number, uint32_t index)
{
    return number == 0 ? 0 : number * 2654435761u + index * 40503u;
}

void pattern_fill(uint32_t *sector, uint32_t number)
{
    sector[0] = number;
    for (uint32_t i = 1; i < WORD_COUNT; i++) {
        sector[i] = word_of(number, i);
    }
}

uint32_t pattern_read(const uint32_t *sector)
{
    uint32_t number = sector[0];

    for (uint32_t i = 1; i < WORD_COUNT; i++) {
        if (sector[i] != word_of(number, i)) {
            return PATTERN_TORN;
        }
    }
    return number;
}
