/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns how a guest reports its own failure. Names of errors come from the contract.
 */
#include "check.h"

#include "abi.h"
#include "console.h"
#include "format.h"
#include "start.h"

static const char *const error_names[ERROR_COUNT] = {
    [ERROR_none] = "none",
#define ERROR(number, name, sentence) [number] = #name,
#include "errors.def"
#undef ERROR
};

const char *error_name(int64_t result)
{
    if (result > 0 || result <= -(int64_t)ERROR_COUNT) {
        return "unknown";
    }
    return error_names[-result];
}

void check_failed(const char *file, int line, const char *condition)
{
    char reason[EXIT_REASON_LIMIT];

    (void)format_text(reason, sizeof(reason), "%s:%d: failed: %s", file, line, condition);
    print("%s\n", reason);
    guest_exit(1, reason);
}

int64_t check_result(const char *file, int line, const char *call, int64_t result)
{
    char reason[EXIT_REASON_LIMIT];

    if (result >= 0) {
        return result;
    }
    (void)format_text(reason, sizeof(reason), "%s:%d: %s: %s", file, line, error_name(result),
                      call);
    print("%s\n", reason);
    guest_exit(1, reason);
}
