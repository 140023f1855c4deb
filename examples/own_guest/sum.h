/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel does, apart from how it is told to: sums of digits.
 */
#ifndef SUM_H
#define SUM_H

#include <stddef.h>
#include <stdint.h>

/* The sum of all decimal digits in a text; other characters do not count. */
uint32_t sum_of_digits(const char *text, size_t size_bytes);

#endif
