/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the sum. Pure: the kernel and its scenario link the same file.
 */
#include "sum.h"

uint32_t sum_of_digits(const char *text, size_t size_bytes)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < size_bytes; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            sum += (uint32_t)(text[i] - '0');
        }
    }
    return sum;
}
