/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small formatter: %s %c %u %d %x %%, each number with an optional width, leading
 * zeros and l or ll. Pure: kernels and user programs both link it.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size_bytes - 1 characters and a zero; returns how many characters it wrote. */
size_t format_list(char *buffer, size_t size_bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
size_t format_text(char *buffer, size_t size_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
