/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the sum of ones' complements.
 */
#include "checksum.h"

#include "wire.h"

static uint32_t sum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t i = 0;

    for (; i + 1 < size_bytes; i += 2) {
        sum += wire_read_16(bytes + i);
        if (sum >= 0x80000000u) {
            sum = sum_fold(sum);
        }
    }
    if (i < size_bytes) {
        sum += (uint32_t)bytes[i] << 8;
    }
    return sum_fold(sum);
}

uint32_t checksum_end(uint32_t sum)
{
    return ~sum_fold(sum) & 0xffff;
}
