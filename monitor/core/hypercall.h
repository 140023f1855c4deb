/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of our own ABI: one handler a row of hypercalls.def; see hypercall.c. */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "view_reader.h"

/* Each returns what goes to the caller's result register: a value, or a negative enum error. */
#define HYPERCALL(number, name, right, arguments, sentence)                                        \
    int64_t hc_##name(struct virtual_processor *caller);
#include "hypercalls.def"
#undef HYPERCALL

/* The calling convention, in one place: argument 0 to 4 of a 64-bit caller. */
static inline uint64_t argument(const struct virtual_processor *caller, uint32_t index)
{
    const struct registers *registers = &caller->registers;

    switch (index) {
    case 0:
        return registers->rdi;
    case 1:
        return registers->rsi;
    case 2:
        return registers->rdx;
    case 3:
        return registers->r10;
    default:
        return registers->r8;
    }
}

extern int64_t (*const hypercall_handlers[HYPERCALL_COUNT])(struct virtual_processor *caller);
extern const uint32_t hypercall_rights[HYPERCALL_COUNT];

/* The caller is in kernel mode. Its result is set. Inline: it is on the shortest path. */
static inline void hypercall_run(struct virtual_processor *caller)
{
    uint64_t number = caller->registers.rax;
    int64_t result = -ERROR_no_such_call;

    if (LIKELY(number < HYPERCALL_COUNT)) {
        partition_of(caller)->counters.hypercalls[number]++;
        if (LIKELY(hypercall_rights[number] == RIGHT_none) ||
            view_grants(caller, hypercall_rights[number])) {
            result = hypercall_handlers[number](caller);
        } else {
            result = -ERROR_not_permitted;
        }
    }
    caller->registers.rax = (uint64_t)result;
}

#endif
