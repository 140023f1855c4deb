/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the benchmarks of the monitor's paths run: one path, `count` times, between two
 * marks. Options: `yield` (else the null call), count=N. A run with a count of 0
 * is what to subtract.
 */
#include "check.h"
#include "hypercall.h"
#include "image.h"
#include "memory.h"
#include "option.h"
#include "start.h"

#define COUNT_DEFAULT 1000
#define MARK_BEGIN 1
#define MARK_END 2

IMAGE(2 * 1024 * 1024);

static void run_null(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        (void)hypercall_version();
    }
}

static void run_yield(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        (void)hypercall_yield();
    }
}

int guest_main(const struct start_page *start)
{
    uint64_t count = option_number(start->command_line, "count", COUNT_DEFAULT);

    (void)hypercall_mark(MARK_BEGIN, count);
    if (option_present(start->command_line, "yield")) {
        run_yield(count);
    } else {
        run_null(count);
    }
    (void)hypercall_mark(MARK_END, count);
    return 0;
}
