/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of a guest kernel: formatted lines to the partition's console.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stddef.h>

#define PRINT_LIMIT 256 /* characters of one print; what is above is cut off */

/* One call of the monitor a print, so lines of several virtual processors stay whole. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_write(const char *text, size_t size_bytes);

#endif
