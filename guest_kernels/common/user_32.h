/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system call of 32-bit user programs: `int $0x80` with its number in EAX, arguments in
 * EBX and ECX, the result in EAX; all other registers survive. Kernels must not include it.
 */
#ifndef USER_32_H
#define USER_32_H

#include <stdint.h>

#include "abi.h"
#include "user.h"

static inline int64_t system_call(enum system_call number, uint64_t first, uint64_t second)
{
    int32_t result;

    __asm__ volatile("int %1"
                     : "=a"(result)
                     : "i"(SYSTEM_CALL_VECTOR), "a"(number), "b"((uint32_t)first),
                       "c"((uint32_t)second)
                     : "memory");
    return result;
}

/* The first eight bytes of the thread's own segment, which GS holds. */
static inline uint64_t thread_word(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(low));
    __asm__ volatile("mov %%gs:4, %0" : "=r"(high));
    return (uint64_t)high << 32 | low;
}

#endif
