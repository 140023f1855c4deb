/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What both widths of the random-code guest agree on with random_code.py: pages, slots and
 * how long a slot may run. The guest runs one slot of random bytes after the other in user
 * mode; whatever ends a slot, a trap, a system call or the timer, leads to the next.
 */
#include "abi.h"

#define SLOT_SIZE_BYTES 32
#define SLOT_COUNT 128
#define SLOT_CYCLES 4000

#define TEXT_PAGE 0
#define SLOTS_PAGE 1
#define DATA_PAGE 2   /* the kernel's: handlers, counter, stack */
#define SCRATCH_PAGE 3 /* user mode's stack and whatever it wants */

#define PAGE_OF(page) (TEXT + (page) * PAGE_SIZE_BYTES)
#define HANDLERS PAGE_OF(DATA_PAGE)
#define COUNTER (PAGE_OF(DATA_PAGE) + 0x400)
#define KERNEL_STACK (PAGE_OF(DATA_PAGE) + 0x1000)
#define USER_STACK (PAGE_OF(SCRATCH_PAGE) + 0x800)
