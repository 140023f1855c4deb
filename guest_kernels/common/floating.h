/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FPU and SSE registers of a process. Kernels are built without using them, so
 * they hold a process's values until another process runs.
 */
#ifndef FLOATING_H
#define FLOATING_H

#include <stdint.h>

#include "bytes.h"

struct floating_state {
    uint8_t image[512]; /* as FXSAVE writes it */
} __attribute__((aligned(16)));

/* As after FNINIT: all exceptions masked, nearest rounding, empty registers. */
static inline void floating_state_create(struct floating_state *state)
{
    const uint16_t control_word = 0x037f;
    const uint32_t mxcsr = 0x1f80;

    memset(state, 0, sizeof(*state));
    memcpy(&state->image[0], &control_word, sizeof(control_word));
    memcpy(&state->image[24], &mxcsr, sizeof(mxcsr));
}

#endif
