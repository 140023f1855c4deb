/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has its own code changed by the kernel and runs it before and after, many times, so
 * that stale code would be seen; and asks for changes that must be refused.
 */
#include "tests.h"

#include <user_width.h>

#define PATCHES 8
#define FIRST_NUMBER 17
#define TEXT_OF_NOBODY 0x500000

uint32_t patched(void);
extern const uint8_t patched_number[4];

static uint64_t not_code;

uint64_t patch_test(uint64_t seed)
{
    uint64_t sum = patched();

    expect(sum == FIRST_NUMBER, "the code before it is changed");
    for (uint32_t i = 0; i < PATCHES; i++) {
        uint32_t number = (uint32_t)seed + i * 1000;

        expect(system_call(SYSTEM_CALL_modify, (uintptr_t)patched_number, number) == 0, "modify");
        expect(patched() == number, "the code after it is changed");
        sum = sum * 31 + patched();
    }
    expect(system_call(SYSTEM_CALL_modify, (uintptr_t)&not_code, 1) == SYSTEM_CALL_FAILED,
           "data is not changed as code");
    expect(system_call(SYSTEM_CALL_modify, TEXT_OF_NOBODY, 1) == SYSTEM_CALL_FAILED,
           "nothing is changed where nothing is");
    return sum;
}
