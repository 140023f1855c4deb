/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare call of the monitor from 64-bit code: through the hypercall page, so
 * that a guest does not know which instruction enters the monitor. Only
 * hypercall.h uses it. RCX and R11 are lost, all other registers survive.
 */
#ifndef CALL_64_H
#define CALL_64_H

#include "abi.h"

/* Address of the hypercall page; set once, before the first call. */
extern uint64_t hypercall_page;

#define CALL_STUB(number) (hypercall_page + (uint64_t)(number) * HYPERCALL_STUB_SIZE_BYTES)

static inline int64_t call_0(enum hypercall number)
{
    int64_t result;

    __asm__ volatile("call *%1" : "=a"(result) : "a"(CALL_STUB(number)) : "rcx", "r11", "memory");
    return result;
}

static inline int64_t call_1(enum hypercall number, uint64_t first)
{
    int64_t result;

    __asm__ volatile("call *%1"
                     : "=a"(result)
                     : "a"(CALL_STUB(number)), "D"(first)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int64_t call_2(enum hypercall number, uint64_t first, uint64_t second)
{
    int64_t result;

    __asm__ volatile("call *%1"
                     : "=a"(result)
                     : "a"(CALL_STUB(number)), "D"(first), "S"(second)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int64_t call_3(enum hypercall number, uint64_t first, uint64_t second, uint64_t third)
{
    int64_t result;

    __asm__ volatile("call *%1"
                     : "=a"(result)
                     : "a"(CALL_STUB(number)), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int64_t call_4(enum hypercall number, uint64_t first, uint64_t second, uint64_t third,
                             uint64_t fourth)
{
    register uint64_t in_r10 __asm__("r10") = fourth;
    int64_t result;

    __asm__ volatile("call *%1"
                     : "=a"(result)
                     : "a"(CALL_STUB(number)), "D"(first), "S"(second), "d"(third), "r"(in_r10)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int64_t call_5(enum hypercall number, uint64_t first, uint64_t second, uint64_t third,
                             uint64_t fourth, uint64_t fifth)
{
    register uint64_t in_r10 __asm__("r10") = fourth;
    register uint64_t in_r8 __asm__("r8") = fifth;
    int64_t result;

    __asm__ volatile("call *%1"
                     : "=a"(result)
                     : "a"(CALL_STUB(number)), "D"(first), "S"(second), "d"(third), "r"(in_r10),
                       "r"(in_r8)
                     : "rcx", "r11", "memory");
    return result;
}

/* Calls with an argument that the contract calls wide: it fits one register here. */
static inline int64_t call_wide(enum hypercall number, uint64_t first)
{
    return call_1(number, first);
}

static inline int64_t call_1_wide(enum hypercall number, uint64_t first, uint64_t second)
{
    return call_2(number, first, second);
}

#endif
