/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checksum of the Internet's protocols: RFC 1071. Pure.
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stdint.h>

/* Adds bytes to a sum, that begins with 0; all parts but the last have an even size. */
uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, uint32_t size_bytes);
/* What is written into a packet; of one that has its checksum in it: 0, when it is right. */
uint32_t checksum_end(uint32_t sum);

#endif
