/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lock between virtual processors. Who waits gives its slot away: the holder may
 * need the same physical processor to get on.
 */
#ifndef LOCK_H
#define LOCK_H

#include "hypercall.h"

struct lock {
    uint32_t held;
};

static inline void lock_take(struct lock *lock)
{
    while (__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE) != 0) {
        (void)hypercall_yield();
    }
}

static inline void lock_release(struct lock *lock)
{
    __atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
}

#endif
