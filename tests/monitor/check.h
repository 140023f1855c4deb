/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of a test: a failure is printed with its values, counted, and the test goes on. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct test {
    const char *name;
    void (*run)(void);
};

/* A suite is the table at the end of a test file; runner.c lists them. */
struct suite {
    const char *name;
    const struct test *tests;
};

void check_true(bool condition, const char *text, const char *file, int line);
void check_equal(uint64_t actual, uint64_t expected, const char *text, const char *file, int line);

#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected)                                                              \
    check_equal((uint64_t)(actual), (uint64_t)(expected), #actual, __FILE__, __LINE__)

#endif
