/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Number to handler: the only table of calls in the monitor, built from
 * hypercalls.def, so that a row without a handler does not link and a hole in the
 * numbers does not compile. Called by monitor.c and trap.c. Knows no call's meaning.
 */
#include "hypercall.h"

int64_t (*const hypercall_handlers[HYPERCALL_COUNT])(struct virtual_processor *caller) = {
#define HYPERCALL(number, name, right, arguments, sentence) [HC_##name] = hc_##name,
#include "hypercalls.def"
#undef HYPERCALL
};

const uint32_t hypercall_rights[HYPERCALL_COUNT] = {
#define HYPERCALL(number, name, right, arguments, sentence) [HC_##name] = RIGHT_##right,
#include "hypercalls.def"
#undef HYPERCALL
};

enum {
#define HYPERCALL(number, name, right, arguments, sentence) +1
    HYPERCALL_ROW_COUNT = 0
#include "hypercalls.def"
#undef HYPERCALL
};
_Static_assert((int)HYPERCALL_ROW_COUNT == (int)HYPERCALL_COUNT, "call numbers have no holes");

int64_t hc_version(struct virtual_processor *caller)
{
    (void)caller;
    return ABI_VERSION;
}
