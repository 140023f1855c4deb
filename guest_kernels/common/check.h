/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assertions of a guest: a check that fails says where and what on the console and
 * ends the partition with exit code 1 and the same text as the reason.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failed(__FILE__, __LINE__, #condition);                                          \
        }                                                                                          \
    } while (0)

/* A call of the monitor that must succeed; has its result as its value. */
#define CALL(call) check_result(__FILE__, __LINE__, #call, (call))

_Noreturn void check_failed(const char *file, int line, const char *condition);
int64_t check_result(const char *file, int line, const char *call, int64_t result);

/* The name of what a call returned: "no_such_call" for -1, and so on. */
const char *error_name(int64_t result);

#endif
