/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 64-bit address spaces look like: four levels, every entry with the user bit, the
 * kernel in a root of its own. Definitions only; kernels and user programs include it.
 */
#ifndef PAGING_64_H
#define PAGING_64_H

#include "abi.h"

#define ROOT_LEVEL 4
/* Kernel and user mode share a ring: what hides a page from user mode is its other root. */
#define ENTRY_KERNEL ENTRY_USER
/* Where the addresses of user programs end. */
#define USER_END_ADDRESS 0x800000000000ull

/* Whether a slot of a process's root belongs to the process. */
static inline int root_slot_is_own(uint32_t slot)
{
    return slot < MONITOR_SLOT_FIRST || slot >= MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT;
}

#endif
