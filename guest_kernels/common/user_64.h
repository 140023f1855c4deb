/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system call of 64-bit user programs: `syscall` with its number in RAX, arguments in
 * RDI and RSI, the result in RAX; RCX and R11 are lost. Kernels must not include it.
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

/* The first word of the thread's own segment, which begins at the FS base. */
static inline uint64_t thread_word(void)
{
    uint64_t value;

    __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
    return value;
}

#endif
