/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one physical processor's entry path needs at hand; GS points at it inside the monitor. */
#ifndef AREA_H
#define AREA_H

#include "core/monitor.h"

struct processor_area {
    uint64_t frame_end; /* end of the current record's registers: where `syscall` pushes */
    uint64_t scratch;
    uint64_t stack_top;
    struct virtual_processor *current;
    uint64_t *task_stack; /* TSS.rsp0, in two halves of four bytes after the first word */
    uint32_t id;
    /* Lazy entry path: low half of the record's address whose state FPU and SSE hold, or 0. */
    uint32_t floating_point_owner;
};

extern struct processor_area processor_areas[PROCESSOR_LIMIT];

/* entry.S: hidden, so that addresses are computed and not loaded from a table. */
#pragma GCC visibility push(hidden)
void syscall_entry(void);
void idle_loop(void);
void timer_entry(void);
void kick_entry(void);
void call_32_entry(void);
extern const uint64_t trap_entries[TRAP_VECTOR_LIMIT];
_Noreturn void enter_first(struct virtual_processor *next);
#pragma GCC visibility pop

/* enter.c: what the entry path calls once the registers are in the record. */
struct virtual_processor *simulated_enter(struct virtual_processor *current);

#endif
