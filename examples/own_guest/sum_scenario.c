/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scenario of that kernel: the sum, on the machine on which it will run.
 */
#include "scenario.h"
#include "sum.h"

SCENARIO(4 * 1024 * 1024, "Only digits count, and all of them do.");

void scenario_main(const struct start_page *start)
{
    static const char text[] = "1, 2 and 39";
    uint32_t sum = sum_of_digits(text, sizeof(text));

    (void)start;
    EXPECT(sum == 15, "the sum is %u", sum);
    EXPECT(sum_of_digits(text, 0) == 0, "nothing has a sum");
}
