/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in a sector: a number that says which request wrote it, and words that follow from the
 * number, so that half a sector is noticed. 0 is a sector of zeros. Pure.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include "io.h"

#define PATTERN_TORN UINT32_MAX

void pattern_fill(uint32_t *sector, uint32_t number);
/* The number of a sector, or PATTERN_TORN. */
uint32_t pattern_read(const uint32_t *sector);

#endif
