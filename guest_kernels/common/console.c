/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the way to the console. A partition without the right to it stays silent:
 * printing must never change what a guest does.
 */
#include "console.h"

#include "format.h"
#include "hypercall.h"

void console_write(const char *text, size_t size_bytes)
{
    while (size_bytes > 0) {
        size_t part = size_bytes < CONSOLE_LIMIT ? size_bytes : CONSOLE_LIMIT;
        int64_t taken = hypercall_console_write(text, part);

        if (taken <= 0) {
            return;
        }
        text += taken;
        size_bytes -= (size_t)taken;
    }
}

void print(const char *format, ...)
{
    char text[PRINT_LIMIT];
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    console_write(text, length);
}
