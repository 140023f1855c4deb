/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and restoring the FPU and SSE registers in 64-bit kernels.
 */
#ifndef FLOATING_64_H
#define FLOATING_64_H

#include "floating.h"

static inline void floating_save(struct floating_state *state)
{
    __asm__ volatile("fxsave64 %0" : "=m"(*state));
}

static inline void floating_restore(const struct floating_state *state)
{
    __asm__ volatile("fxrstor64 %0" : : "m"(*state));
}

#endif
