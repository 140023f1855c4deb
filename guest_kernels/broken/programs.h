/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs of user mode, and what they and their kernel agree on; assembler reads it too.
 * They run wherever they are copied to.
 */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#define PROGRAM_NUMBER 7 /* of the one system call */

#ifndef __ASSEMBLER__

#include <stdint.h>

extern const uint8_t programs_begin[];
extern const uint8_t programs_end[];

/* The first one's only instruction is undefined; the second one makes a system call. */
void program_undefined(void);
void program_system_call(void);

#endif
#endif
