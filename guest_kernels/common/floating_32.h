/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and restoring the FPU and SSE registers in 32-bit kernels.
 */
#ifndef FLOATING_32_H
#define FLOATING_32_H

#include "floating.h"

static inline void floating_save(struct floating_state *state)
{
    __asm__ volatile("fxsave %0" : "=m"(*state));
}

static inline void floating_restore(const struct floating_state *state)
{
    __asm__ volatile("fxrstor %0" : : "m"(*state));
}

#endif
