/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The speed reference: sort, hash, matrix, list and branches, in short blocks with an
 * ordinary share of memory accesses. Option: rounds=N, each some six million
 * instructions. Two marks bracket the work, so that start and output are not timed.
 */
#include "check.h"
#include "console.h"
#include "hypercall.h"
#include "image.h"
#include "kernels.h"
#include "option.h"
#include "start.h"

#define ROUNDS_DEFAULT 8
#define MARK_BEGIN 1
#define MARK_END 2

struct kernel {
    const char *name;
    uint64_t (*run)(uint64_t seed);
};

IMAGE(4 * 1024 * 1024);

static const struct kernel kernels[] = {
    {"sort", sort_run}, {"hash", hash_run},         {"matrix", matrix_run},
    {"list", list_run}, {"bytecode", bytecode_run},
};

#define KERNEL_COUNT (sizeof(kernels) / sizeof(kernels[0]))

int guest_main(const struct start_page *start)
{
    uint64_t rounds = option_number(start->command_line, "rounds", ROUNDS_DEFAULT);
    uint64_t sums[KERNEL_COUNT] = {0};
    uint64_t total = 0;

    (void)hypercall_mark(MARK_BEGIN, 0);
    for (uint64_t round = 1; round <= rounds; round++) {
        for (unsigned i = 0; i < KERNEL_COUNT; i++) {
            uint64_t sum = kernels[i].run(round);

            CHECK(sum != 0);
            sums[i] = sums[i] * 31 + sum;
            total = total * 33 ^ sum;
        }
    }
    (void)hypercall_mark(MARK_END, total);
    for (unsigned i = 0; i < KERNEL_COUNT; i++) {
        print("compute: %s %016llx\n", kernels[i].name, (unsigned long long)sums[i]);
    }
    print("compute: %llu rounds, total %016llx\n", (unsigned long long)rounds,
          (unsigned long long)total);
    return 0;
}
