/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words of a command line: `name` and `name=number`, separated by blanks.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdint.h>

/* Whether the word stands alone in the command line. */
int option_present(const char *command_line, const char *name);

/*
 * The number of the first `name=number`, decimal; otherwise the value given. What is
 * not a number, or does not fit 64 bits, counts as absent.
 */
uint64_t option_number(const char *command_line, const char *name, uint64_t otherwise);

#endif
