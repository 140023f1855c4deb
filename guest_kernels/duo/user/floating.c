/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Computes with SSE and x87 while the kernel preempts, and checks against integers:
 * every sum here is exact. Odd and even seeds round differently, so a kernel that
 * mixes up the control words of two processes is found out.
 */
#include "tests.h"

#include <user_width.h>

#define TERMS 4000
#define SPINS 20000
#define ROUND_SSE_TO_ZERO 0x6000u
#define ROUND_X87_TO_ZERO 0x0c00u

uint64_t registers_hold(uint64_t seed, uint64_t spins);

static uint32_t sse_control(void)
{
    uint32_t control;

    __asm__ volatile("stmxcsr %0" : "=m"(control));
    return control & 0xffc0u; /* without the sticky flags */
}

static uint16_t x87_control(void)
{
    uint16_t control;

    __asm__ volatile("fnstcw %0" : "=m"(control));
    return control;
}

static void sums_test(uint64_t seed)
{
    uint64_t exact = 0;
    double by_sse = 0;
    long double by_x87 = 0;

    for (uint64_t i = 0; i < TERMS; i++) {
        uint64_t term = (seed + i) % 1021;

        exact += term * term;
        by_sse += (double)term * (double)term;
        by_x87 += (long double)term * (long double)term;
    }
    expect((uint64_t)by_sse == exact, "the sum by SSE");
    expect((uint64_t)by_x87 == exact, "the sum by x87");
}

/* A third, in the process's own rounding; the last bit tells which. */
static uint64_t rounding_test(void)
{
    volatile double one = 2.0;
    volatile double three = 3.0;
    union {
        double value;
        uint64_t bits;
    } quotient = {.value = one / three};

    return quotient.bits;
}

uint64_t floating_test(uint64_t seed)
{
    uint64_t small = seed & 0xffffffffu;
    uint32_t sse = seed % 2 != 0 ? 0x1f80u | ROUND_SSE_TO_ZERO : 0x1f80u;
    uint16_t x87 = (uint16_t)(seed % 2 != 0 ? 0x037fu | ROUND_X87_TO_ZERO : 0x037fu);
    uint64_t sum;

    __asm__ volatile("ldmxcsr %0" : : "m"(sse));
    __asm__ volatile("fldcw %0" : : "m"(x87));
    sums_test(seed);
    expect(system_call(SYSTEM_CALL_yield, 0, 0) == 0, "yield");
    sum = registers_hold(small, SPINS);
    expect(sum == 24 * small + 120 + 28, "SSE and x87 registers");
    expect(sse_control() == (sse & 0xffc0u), "the control register of SSE");
    expect(x87_control() == x87, "the control word of x87");
    return sum ^ rounding_test();
}
