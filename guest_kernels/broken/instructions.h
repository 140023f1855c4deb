/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensitive instructions, one a function and nothing else of the kind: `ultravisor check`
 * finds these nineteen and no others. Written in instructions_WIDTH.S; called by the rows.
 */
#ifndef INSTRUCTIONS_H
#define INSTRUCTIONS_H

#include <stdint.h>

/* What `sgdt` and `sidt` store. */
struct table_register {
    uint16_t limit;
    uintptr_t base;
} __attribute__((packed));

/* The operand of a far call or jump. */
struct far_pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));

/* The answer of an instruction that says by a flag whether it has one. */
#define NO_ANSWER UINT32_MAX

void broken_sgdt(struct table_register *stored);
void broken_sidt(struct table_register *stored);
uint32_t broken_sldt(void);
uint32_t broken_str(void);
uint32_t broken_smsw(void);
uintptr_t broken_pushf(void);
void broken_popf(uintptr_t flags);
/* To the instruction behind it, with these flags. */
void broken_iret(uintptr_t flags);
uint32_t broken_lar(uint32_t selector);
uint32_t broken_lsl(uint32_t selector);
/* 1: the segment may be read or written, 0: it may not. */
uint32_t broken_verr(uint32_t selector);
uint32_t broken_verw(uint32_t selector);
/* Selectors: `pop` loads FS (64-bit) or SS (32-bit), `push` shows FS or CS, `mov` shows CS. */
void broken_pop(uintptr_t selector);
uint32_t broken_push(void);
uint32_t broken_mov(void);
/* These take a pointer or a selector that is refused, and do not return. */
void broken_call_far(uintptr_t far_pointer);
void broken_jmp_far(uintptr_t far_pointer);
void broken_ret_far(uintptr_t selector);
void broken_int(uintptr_t unused);

#endif
