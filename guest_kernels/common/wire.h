/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers in packets: most significant byte first, at any address. Pure.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>

static inline uint32_t wire_read_16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t wire_read_32(const uint8_t *bytes)
{
    return wire_read_16(bytes) << 16 | wire_read_16(bytes + 2);
}

static inline void wire_write_16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline void wire_write_32(uint8_t *bytes, uint32_t value)
{
    wire_write_16(bytes, value >> 16);
    wire_write_16(bytes + 2, value);
}

#endif
