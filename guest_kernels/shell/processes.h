/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shell's processes: they run while it waits.
 */
#ifndef PROCESSES_H
#define PROCESSES_H

/* A turn for the next one; 0: there is none. */
int processes_step(void);

#endif
