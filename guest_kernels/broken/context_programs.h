/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs in user mode and their kernel agree on; assembler reads it too. */
#ifndef CONTEXT_PROGRAMS_H
#define CONTEXT_PROGRAMS_H

#define PROGRAM_NUMBER 7 /* of its one system call */

#ifndef __ASSEMBLER__

/* The first one's only instruction is undefined; the second one makes a system call. */
void program_undefined(void);
void program_system_call(void);

#endif
#endif
