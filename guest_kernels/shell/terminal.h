/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines from the console. Backspace takes a character back, Ctrl-U the line, Ctrl-W a word;
 * other control characters and escape sequences do nothing. What is typed is not shown again,
 * since who attaches to the console sees what he types, unless the option `echo` is given.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stddef.h>
#include <stdint.h>

void terminal_start(const char *command_line);

/* Waits for a line, without its end; one that is too long is refused and another one awaited. */
void terminal_read(char *line, size_t size_bytes);

uint64_t terminal_bytes_count(void);

#endif
