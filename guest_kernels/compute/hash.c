/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FNV-1a and table-driven CRC-32 over the same random bytes.
 */
#include "kernels.h"

#define SIZE_BYTES 32768
#define CRC_POLYNOMIAL 0xedb88320u
#define FNV_BASIS 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static uint8_t buffer[SIZE_BYTES];
static uint32_t crc_table[256];

static void crc_table_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;

        for (int bit = 0; bit < 8; bit++) {
            value = (value & 1) != 0 ? value >> 1 ^ CRC_POLYNOMIAL : value >> 1;
        }
        crc_table[i] = value;
    }
}

static uint32_t crc(void)
{
    uint32_t value = 0xffffffffu;

    for (uint32_t i = 0; i < SIZE_BYTES; i++) {
        value = crc_table[(value ^ buffer[i]) & 0xff] ^ value >> 8;
    }
    return ~value;
}

static uint64_t fnv(void)
{
    uint64_t value = FNV_BASIS;

    for (uint32_t i = 0; i < SIZE_BYTES; i++) {
        value = (value ^ buffer[i]) * FNV_PRIME;
    }
    return value;
}

uint64_t hash_run(uint64_t seed)
{
    uint64_t state = seed;

    for (uint32_t i = 0; i < SIZE_BYTES; i++) {
        buffer[i] = (uint8_t)random_next(&state);
    }
    crc_table_fill();
    return fnv() ^ (uint64_t)crc() << 16;
}
