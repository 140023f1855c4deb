/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions: first touches bring pages, every other fault of user mode kills the
 * process that committed it, and a fault of the kernel ends the guest.
 */
#ifndef FAULT_H
#define FAULT_H

/* Registers the handlers. */
void faults_start(void);

#endif
