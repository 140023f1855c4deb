/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user thread's own data in 64 bits: FS, by its base.
 */
#ifndef THREAD_64_H
#define THREAD_64_H

#include "hypercall_64.h"

static inline int64_t thread_base_set(uint64_t address)
{
    return hypercall_base_set(BASE_fs, address);
}

#endif
