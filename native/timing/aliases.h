/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encodings that processors execute as documented ones and the decoder library does not know.
 * Called by decode.c for such bytes; knows no operand and no time.
 */
#ifndef TIMING_ALIASES_H
#define TIMING_ALIASES_H

#include <stddef.h>
#include <stdint.h>

#define ALIAS_LIMIT_BYTES 15u

/* Writes the documented encoding of the same length; returns how many bytes, 0: it is no alias. */
size_t alias_rewrite(uint8_t documented[ALIAS_LIMIT_BYTES], const uint8_t *bytes,
                     size_t size_bytes);

#endif
