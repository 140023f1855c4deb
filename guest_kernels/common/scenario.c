/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the verdicts: how a scenario begins, and the ways in which it ends. What runs the
 * image knows the verdict by the exit code.
 */
#include "scenario.h"

#include "check.h"
#include "console.h"
#include "format.h"
#include "start.h"

int guest_main(const struct start_page *start)
{
    scenario_main(start);
    return VERDICT_success;
}

static _Noreturn void scenario_end(enum verdict verdict, const char *reason)
{
    print("%s\n", reason);
    guest_exit((int)verdict, reason);
}

static _Noreturn void scenario_end_list(enum verdict verdict, const char *format, va_list arguments)
{
    char reason[PRINT_LIMIT];

    (void)format_list(reason, sizeof(reason), format, arguments);
    scenario_end(verdict, reason);
}

void scenario_skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scenario_end_list(VERDICT_skip, format, arguments);
}

void scenario_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scenario_end_list(VERDICT_error, format, arguments);
}

void scenario_failure(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scenario_end_list(VERDICT_failure, format, arguments);
}

void scenario_expected(const char *file, int line, const char *condition, const char *format, ...)
{
    char text[PRINT_LIMIT];
    char reason[PRINT_LIMIT];
    va_list arguments;

    va_start(arguments, format);
    (void)format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)format_text(reason, sizeof(reason), "%s:%d: %s: expected %s", file, line, text,
                      condition);
    scenario_end(VERDICT_failure, reason);
}

int64_t scenario_expected_call(const char *file, int line, const char *call, int64_t result,
                               enum error expected)
{
    char reason[PRINT_LIMIT];

    if (expected == ERROR_none ? result >= 0 : result == -(int64_t)expected) {
        return result;
    }
    (void)format_text(reason, sizeof(reason), "%s:%d: expected %s, got %s: %s", file, line,
                      error_name(-(int64_t)expected), result > 0 ? "success" : error_name(result),
                      call);
    scenario_end(VERDICT_failure, reason);
}
