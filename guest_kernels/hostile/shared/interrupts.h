/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which software interrupts are calls: differs by width. */
#ifndef INTERRUPTS_H
#define INTERRUPTS_H

#include "hostile.h"

/* 32-bit code calls the monitor, or its kernel, by `int n`; 64-bit code never does. */
static inline int is_call_of_this_width(uint32_t number)
{
    return sizeof(uintptr_t) == 4 && (number == HYPERCALL_VECTOR || number == SYSTEM_CALL_VECTOR);
}

#endif
