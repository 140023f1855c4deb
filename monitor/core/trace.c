/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks and tracing: what a guest says to whoever measures it. Called by the dispatcher. */
#include "hypercall.h"

int64_t hc_mark(struct virtual_processor *caller)
{
    platform_mark(caller->id, argument(caller, 0), argument(caller, 1));
    return 0;
}

int64_t hc_trace_set(struct virtual_processor *caller)
{
    partition_of(caller)->trace_enabled = argument(caller, 0) != 0;
    return 0;
}
