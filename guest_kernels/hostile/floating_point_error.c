/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A division by zero with its exception unmasked, noticed by the next instruction.
 */
#include "shared/hostile.h"
#include "shared/names.h"

HOSTILE("An unmasked floating-point error is the guest's own exception.");

static __attribute__((naked)) void divide(uintptr_t argument __attribute__((unused)))
{
    __asm__ volatile("fninit\n"
                     "push $0x33b\n" /* the control word, with division by zero unmasked */
                     "fldcw (%" STACK_POINTER ")\n"
                     "pop %" ACCUMULATOR "\n"
                     "fld1\n"
                     "fldz\n"
                     "fdivrp\n"
                     "fwait\n"
                     "ret");
}

static __attribute__((naked)) void clear(uintptr_t argument __attribute__((unused)))
{
    __asm__ volatile("fninit\n ret");
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    expect_trap("fwait", divide, 0, VECTOR_FLOATING_POINT, 0);
    expect_no_trap("fninit", clear, 0);
    expect_user_trap("fwait", divide, 0, VECTOR_FLOATING_POINT, 0);
}
