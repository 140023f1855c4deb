/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns when this kernel fails.
 */
#include "fault.h"

#include "console.h"

static uint64_t crash_requests;
static uint64_t hang_requests;
static uint64_t break_requests;
static uint64_t request_count;

void fault_plan(uint64_t crash_after, uint64_t hang_after, uint64_t break_after)
{
    crash_requests = crash_after;
    hang_requests = hang_after;
    break_requests = break_after;
}

int fault_request(void)
{
    request_count++;
    if (crash_requests != 0 && request_count > crash_requests) {
        print("io: crashes, as it was told to\n");
        __builtin_trap();
    }
    if (hang_requests != 0 && request_count > hang_requests) {
        print("io: hangs, as it was told to\n");
        for (;;) {
            __asm__ volatile("pause");
        }
    }
    return break_requests != 0 && request_count == break_requests + 1;
}
