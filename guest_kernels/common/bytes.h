/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory and text helpers. The first four have the names that the compiler calls by
 * itself in freestanding code. Pure: kernels and user programs both link them.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *target, const void *source, size_t size_bytes);
void *memmove(void *target, const void *source, size_t size_bytes);
void *memset(void *target, int value, size_t size_bytes);
int memcmp(const void *left, const void *right, size_t size_bytes);

size_t text_length(const char *text);
int text_equal(const char *left, const char *right);

#endif
