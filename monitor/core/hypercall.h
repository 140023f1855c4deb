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

/* The calling convention, in one place: argument 0 to 4. */
static inline uint64_t argument_32(const struct registers *registers, uint32_t index)
{
    switch (index) {
    case 0:
        return (uint32_t)registers->rbx;
    case 1:
        return (uint32_t)registers->rcx;
    case 2:
        return (uint32_t)registers->rdx;
    case 3:
        return (uint32_t)registers->rsi;
    default:
        return (uint32_t)registers->rdi;
    }
}

static inline uint64_t argument(const struct virtual_processor *caller, uint32_t index)
{
    const struct registers *registers = &caller->registers;

    if (record_is_32(caller)) {
        return argument_32(registers, index);
    }
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

/* One of a `wide` type, which takes two registers of a 32-bit caller: always the last argument. */
static inline uint64_t argument_wide(const struct virtual_processor *caller, uint32_t index)
{
    uint64_t value = argument(caller, index);

    return record_is_32(caller) ? value | argument(caller, index + 1) << 32 : value;
}

extern int64_t (*const hypercall_handlers[HYPERCALL_COUNT])(struct virtual_processor *caller);
extern const uint32_t hypercall_rights[HYPERCALL_COUNT];

/* The caller is in kernel mode. Inline: it is on the shortest path. */
static inline int64_t hypercall_dispatch(struct virtual_processor *caller, uint64_t number)
{
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
    return result;
}

static inline void hypercall_run(struct virtual_processor *caller)
{
    caller->registers.rax = (uint64_t)hypercall_dispatch(caller, caller->registers.rax);
}

static inline void hypercall_run_32(struct virtual_processor *caller)
{
    int64_t result = hypercall_dispatch(caller, (uint32_t)caller->registers.rax);

    caller->registers.rax = (uint32_t)result;
    caller->registers.rdx = (uint64_t)result >> 32;
}

#endif
