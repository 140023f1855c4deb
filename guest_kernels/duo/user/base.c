/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets its own segment begin at a record of this process and reads through it, while
 * another process does the same with another base.
 */
#include "tests.h"

#include <user_width.h>

#define READS 5000

struct record {
    uint64_t value;
    uint64_t reserved0;
};

/* Several, so that equal addresses in two processes do not hide a mistake. */
static struct record records[4];

uint64_t base_test(uint64_t seed)
{
    struct record *record = &records[seed % 4];
    uint64_t sum = 0;

    record->value = seed;
    expect(system_call(SYSTEM_CALL_base, (uintptr_t)record, 0) == 0, "base");
    expect(system_call(SYSTEM_CALL_base, ~(uint64_t)0, 0) == SYSTEM_CALL_FAILED, "a wrong base");
    for (uint64_t i = 0; i < READS; i++) {
        expect(thread_word() == seed, "the thread's segment");
        sum = sum * 31 + thread_word();
    }
    return sum;
}
