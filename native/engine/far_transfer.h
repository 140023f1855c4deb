/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far transfers, executed by us: the engine does their accesses to memory as supervisor, takes
 * gates as it finds them, and lets `iret` change flags that are not the guest's. Both builds
 * call this where the engine has been stopped before such an instruction.
 */
#ifndef FAR_TRANSFER_H
#define FAR_TRANSFER_H

#include <stdint.h>

struct engine;

#define NO_TRAP UINT32_MAX

/* What an instruction ended in. */
struct trap_cause {
    uint32_t vector; /* NO_TRAP: nothing */
    uint32_t error_code;
};

/*
 * Executes the instruction at the engine's rip, which has been found to be a far transfer, and
 * charges it. One that faults has changed nothing but accessed bits; of a page fault the
 * address is in CR2. A single step traps behind it.
 */
struct trap_cause far_transfer_execute(struct engine *engine);

#endif
