/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 32-bit address spaces look like: three levels, of which the root has four slots, and
 * one root for both modes. The kernel lies in the last slot, in pages without the user bit.
 * Definitions only; kernels and user programs include it.
 */
#ifndef PAGING_32_H
#define PAGING_32_H

#include "abi.h"

#define ROOT_LEVEL 3
/* The kernel runs in ring 1, which needs no user bit; user mode must not reach its pages. */
#define ENTRY_KERNEL 0
/* Where the addresses of user programs end: behind the first three slots of the root. */
#define USER_END_ADDRESS 0xc0000000ull
#define ROOT_SLOT_KERNEL 3

/* Whether a slot of a process's root belongs to the process. */
static inline int root_slot_is_own(uint32_t slot)
{
    return slot < ROOT_SLOT_KERNEL;
}

#endif
