/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main function of a runner of suites: the file that includes it defines `suites` and
 * SUITE_COUNT before. Owns nothing of what is tested.
 */
#ifndef RUN_SUITES_H
#define RUN_SUITES_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUITE_COUNT (sizeof(suites) / sizeof(suites[0]))

static uint32_t failure_count;
static uint32_t check_count;

void check_true(bool condition, const char *text, const char *file, int line)
{
    check_count++;
    if (!condition) {
        failure_count++;
        fprintf(stderr, "  %s:%d: does not hold: %s\n", file, line, text);
    }
}

void check_equal(uint64_t actual, uint64_t expected, const char *text, const char *file, int line)
{
    check_count++;
    if (actual != expected) {
        failure_count++;
        fprintf(stderr, "  %s:%d: %s is %#" PRIx64 ", not %#" PRIx64 "\n", file, line, text, actual,
                expected);
    }
}

static void suite_run(const struct suite *suite)
{
    for (const struct test *test = suite->tests; test->name != NULL; test++) {
        uint32_t failures_before = failure_count;
        uint32_t checks_before = check_count;

        test->run();
        /* A test that checks nothing proves nothing. */
        check_true(check_count != checks_before, "the test checks something", test->name, 0);
        if (failure_count != failures_before) {
            fprintf(stderr, "FAILED %s/%s\n", suite->name, test->name);
        }
    }
}

static const struct suite *suite_find(const char *name)
{
    for (size_t index = 0; index < SUITE_COUNT; index++) {
        if (strcmp(suites[index]->name, name) == 0) {
            return suites[index];
        }
    }
    return NULL;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (size_t index = 0; index < SUITE_COUNT; index++) {
            printf("%s\n", suites[index]->name);
        }
        return 0;
    }
    for (int argument = 1; argument < count; argument++) {
        const struct suite *suite = suite_find(arguments[argument]);

        if (suite == NULL) {
            fprintf(stderr, "no suite named %s\n", arguments[argument]);
            return 2;
        }
        suite_run(suite);
    }
    for (size_t index = 0; count == 1 && index < SUITE_COUNT; index++) {
        suite_run(suites[index]);
    }
    printf("%u checks, %u failures\n", check_count, failure_count);
    return failure_count == 0 ? 0 : 1;
}

#endif
