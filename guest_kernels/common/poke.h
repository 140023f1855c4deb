/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what others do about it: a kernel writes a word where it is told to at its console,
 * by a line `poke ADDRESS VALUE`, both in hexadecimal. The address is guest-physical, of a channel.
 */
#ifndef POKE_H
#define POKE_H

#include <stdint.h>

/* Does what the line says; 0: it is another line. */
int poke_line(const char *line, uint32_t size_bytes);

/* Lines of the console are pokes from now on, and nothing else. */
void poke_listen(void);

#endif
