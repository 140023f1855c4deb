/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare call of the monitor from 32-bit code: through the hypercall page, so that a
 * guest does not know which instruction enters the monitor. Only hypercall.h uses it.
 * EAX and EDX carry the result, all other registers survive. What the contract does not
 * call wide fits one register: its high half is 0 here, and is dropped.
 */
#ifndef CALL_32_H
#define CALL_32_H

#include "abi.h"

/* Address of the hypercall page; set once, before the first call. */
extern uint64_t hypercall_page;

#define CALL_STUB(number)                                                                          \
    ((uint32_t)hypercall_page + (uint32_t)(number) * HYPERCALL_STUB_SIZE_BYTES)

static inline int64_t call_result(uint32_t low, uint32_t high)
{
    return (int64_t)((uint64_t)high << 32 | low);
}

static inline int64_t call_0(enum hypercall number)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("call *%2" : "=a"(low), "=d"(high) : "a"(CALL_STUB(number)) : "memory");
    return call_result(low, high);
}

static inline int64_t call_1(enum hypercall number, uint64_t first)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("call *%2"
                     : "=a"(low), "=d"(high)
                     : "a"(CALL_STUB(number)), "b"((uint32_t)first)
                     : "memory");
    return call_result(low, high);
}

static inline int64_t call_2(enum hypercall number, uint64_t first, uint64_t second)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("call *%2"
                     : "=a"(low), "=d"(high)
                     : "a"(CALL_STUB(number)), "b"((uint32_t)first), "c"((uint32_t)second)
                     : "memory");
    return call_result(low, high);
}

static inline int64_t call_3(enum hypercall number, uint64_t first, uint64_t second, uint64_t third)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("call *%2"
                     : "=a"(low), "=d"(high)
                     : "a"(CALL_STUB(number)), "b"((uint32_t)first), "c"((uint32_t)second),
                       "d"((uint32_t)third)
                     : "memory");
    return call_result(low, high);
}

static inline int64_t call_4(enum hypercall number, uint64_t first, uint64_t second, uint64_t third,
                             uint64_t fourth)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("call *%2"
                     : "=a"(low), "=d"(high)
                     : "a"(CALL_STUB(number)), "b"((uint32_t)first), "c"((uint32_t)second),
                       "d"((uint32_t)third), "S"((uint32_t)fourth)
                     : "memory");
    return call_result(low, high);
}

static inline int64_t call_5(enum hypercall number, uint64_t first, uint64_t second, uint64_t third,
                             uint64_t fourth, uint64_t fifth)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("call *%2"
                     : "=a"(low), "=d"(high)
                     : "a"(CALL_STUB(number)), "b"((uint32_t)first), "c"((uint32_t)second),
                       "d"((uint32_t)third), "S"((uint32_t)fourth), "D"((uint32_t)fifth)
                     : "memory");
    return call_result(low, high);
}

/* A wide argument takes two registers, the low half first. */
static inline int64_t call_wide(enum hypercall number, uint64_t first)
{
    return call_2(number, first, first >> 32);
}

static inline int64_t call_1_wide(enum hypercall number, uint64_t first, uint64_t second)
{
    return call_3(number, first, second, second >> 32);
}

#endif
