/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FS and GS bases of the caller, who is in kernel mode: the active GS base is the
 * kernel's, the other the user's. Called by the dispatcher.
 */
#include <stddef.h>

#include "hypercall.h"

static uint64_t *base_of(struct virtual_processor *caller, uint64_t base)
{
    switch (base) {
    case BASE_fs:
        return &caller->fs_base;
    case BASE_gs_kernel:
        return &caller->gs_base;
    case BASE_gs_user:
        return &caller->gs_base_other;
    default:
        return NULL;
    }
}

int64_t hc_base_set(struct virtual_processor *caller)
{
    uint64_t *base = base_of(caller, argument(caller, 0));

    if (record_is_32(caller)) {
        return -ERROR_no_such_call;
    }
    if (base == NULL || !address_is_guest(argument(caller, 1))) {
        return -ERROR_invalid_argument;
    }
    platform_bases_save(caller);
    *base = argument(caller, 1);
    platform_bases_load(caller);
    return 0;
}

int64_t hc_base_get(struct virtual_processor *caller)
{
    const uint64_t *base = base_of(caller, argument(caller, 0));

    if (record_is_32(caller)) {
        return -ERROR_no_such_call;
    }
    platform_bases_save(caller);
    return base != NULL ? (int64_t)*base : -ERROR_invalid_argument;
}
