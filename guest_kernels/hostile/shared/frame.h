/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trap frames that a hostile kernel makes up, and stacks that it should not have. The values
 * here stand for the fields of either width; frame_64.c and its sibling know them.
 */
#ifndef FRAME_H
#define FRAME_H

#include "hostile.h"

struct frame_values {
    uint64_t code_address;
    uint64_t stack_address;
    uint64_t flags;
    uint64_t state; /* FRAME_STATE_* */
    uint64_t code_selector;
    uint64_t stack_selector;
};

#define FRAME_SIZE_LIMIT_BYTES 128 /* room for a frame of either width */

#define FLAGS_FIXED 0x202u /* the interrupt flag, and the bit that is always set */
#define FLAG_TRAP 0x100u
#define FLAG_INTERRUPT 0x200u
#define FLAG_NESTED 0x4000u
/* IOPL, RF, VM, VIF, VIP: nothing of a guest's ever has them. */
#define FLAGS_NEVER (0x3000u | 0x10000u | 0x20000u | 0x80000u | 0x100000u)

/* Back into kernel mode, with what the kernel has everywhere. */
void frame_prepare(struct frame_values *values, scenario_function *function, uintptr_t stack);
void frame_write(void *at, const struct frame_values *values);

/* The selectors that kernel mode runs on. */
uint64_t kernel_code_selector(void);

/* In assembler. The call `iret` through a frame at that address. */
_Noreturn void frame_return(uintptr_t frame);
/* A stack, then an undefined instruction, or nothing for ever. */
void stack_trap(uintptr_t top);
_Noreturn void stack_spin(uintptr_t top);
/* Sets the flags by `popf`; returns what `pushf` says behind it. */
uintptr_t flags_exchange(uintptr_t flags);
/* A call of the monitor without arguments, with the trap flag set; what lies behind it. */
void step_over_call(uintptr_t number);
void step_over_call_end(void);
/* Two instructions: CS into the result, and an undefined one. */
void frame_landing(uintptr_t argument);

#endif
