/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second virtual processor is started and stopped as fast as it can be; the host needs two
 * for it.
 */
#include "shared/hostile.h"
#include "processor.h"

HOSTILE("Starting and stopping a processor again and again harms nobody.");

#define ROUND_COUNT 40

static volatile uint32_t runs;

static void run(uint64_t argument)
{
    (void)argument;
    runs++;
}

static void processor_begin_again(void)
{
    int64_t result;

    do {
        result = processor_start(1, run, 0);
        CALL(hypercall_yield());
    } while (result == -ERROR_busy || result == -ERROR_wrong_state);
    EXPECT(result == 0, "%s", error_name(result));
}

void scenario_main(const struct start_page *start)
{
    if (start->virtual_processor_count < 2) {
        scenario_skip("it needs two virtual processors");
    }
    for (uint32_t round = 0; round < ROUND_COUNT; round++) {
        processor_begin_again();
    }
    while (runs < ROUND_COUNT) {
        CALL(hypercall_yield());
    }
}
