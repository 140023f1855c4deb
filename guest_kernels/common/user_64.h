/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system call of 64-bit user programs. Kernels must not include it.
 */
#ifndef USER_64_H
#define USER_64_H

#include <stdint.h>

#include "user.h"

static inline int64_t system_call(enum system_call number, uint64_t first, uint64_t second)
{
    int64_t result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((uint64_t)number), "D"(first), "S"(second)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
