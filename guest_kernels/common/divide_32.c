/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the division of 64-bit numbers in 32-bit code: the functions that the compiler calls
 * by these names and expects in a library of its own, which a system without 32-bit
 * development files lacks. Pure: kernels and user programs both link it. As anywhere on
 * this processor, a divisor of 0 is a divide error.
 */
#include <stdint.h>

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder);
int64_t __divdi3(int64_t dividend, int64_t divisor);
int64_t __moddi3(int64_t dividend, int64_t divisor);

/* The instruction; the quotient must fit, so `high` is below the divisor. */
static uint32_t divide_word(uint32_t high, uint32_t low, uint32_t divisor, uint32_t *remainder)
{
    uint32_t quotient;

    __asm__("divl %4"
            : "=a"(quotient), "=d"(*remainder)
            : "a"(low), "d"(high), "rm"(divisor)
            : "cc");
    return quotient;
}

/* By a divisor of one word: two steps of long division. */
static uint64_t divide_by_word(uint64_t dividend, uint32_t divisor, uint64_t *remainder)
{
    uint32_t rest;
    uint32_t high = divide_word(0, (uint32_t)(dividend >> 32), divisor, &rest);
    uint32_t low = divide_word(rest, (uint32_t)dividend, divisor, &rest);

    *remainder = rest;
    return (uint64_t)high << 32 | low;
}

/*
 * By a divisor of two words: both are shifted until the divisor's highest bit is set, its
 * high word divides half the dividend, and the quotient, below 2^32, is at most one too
 * large before it is put right.
 */
static uint64_t divide_by_long(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    unsigned shift = (unsigned)__builtin_clz((uint32_t)(divisor >> 32));
    uint64_t half = dividend >> 1;
    uint32_t rest;
    uint64_t quotient = divide_word((uint32_t)(half >> 32), (uint32_t)half,
                                    (uint32_t)(divisor << shift >> 32), &rest);

    quotient = quotient << shift >> 31;
    if (quotient != 0) {
        quotient--;
    }
    *remainder = dividend - quotient * divisor;
    if (*remainder >= divisor) {
        quotient++;
        *remainder -= divisor;
    }
    return quotient;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    uint64_t rest;
    uint64_t quotient = divisor >> 32 == 0 ? divide_by_word(dividend, (uint32_t)divisor, &rest)
                                           : divide_by_long(dividend, divisor, &rest);

    if (remainder != 0) {
        *remainder = rest;
    }
    return quotient;
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    return __udivmoddi4(dividend, divisor, 0);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t remainder;

    (void)__udivmoddi4(dividend, divisor, &remainder);
    return remainder;
}

static uint64_t magnitude(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

/* Towards zero, as C divides. */
int64_t __divdi3(int64_t dividend, int64_t divisor)
{
    uint64_t quotient = __udivdi3(magnitude(dividend), magnitude(divisor));

    return (int64_t)((dividend < 0) != (divisor < 0) ? 0 - quotient : quotient);
}

int64_t __moddi3(int64_t dividend, int64_t divisor)
{
    uint64_t remainder = __umoddi3(magnitude(dividend), magnitude(divisor));

    return (int64_t)(dividend < 0 ? 0 - remainder : remainder);
}
