/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that the engine executes and the decoder does not know, or takes for longer
 * ones, with an interrupt return behind them, on a stack that is not there.
 */
#include "shared/hostile.h"

HOSTILE("Nothing hides a far return from the decoder: it faults, or what hides it is undefined.");

/* clang-format off */
#define STACK 0x30000100 /* where nothing is mapped */
#define LOAD_STACK "mov $0x30000100, %esp\n"
#define LOAD_STACK_SIZE_BYTES 5

#define INSTRUCTIONS(X) \
    X(alias_of_fcom, LOAD_STACK ".byte 0xdc, 0xd0\n iret") \
    X(alias_of_fxch, LOAD_STACK ".byte 0xdd, 0xc8\n iret") \
    X(alias_of_fcomp, LOAD_STACK ".byte 0xde, 0xd0\n iret") \
    X(alias_of_fstp, LOAD_STACK ".byte 0xdf, 0xd0\n iret") \
    X(reserved_no_operation, LOAD_STACK ".byte 0x0f, 0x1d, 0xc0\n iret") \
    X(prefetch_of_a_register, LOAD_STACK ".byte 0x0f, 0x0d, 0xc0\n iret") \
    X(mov_with_lock, LOAD_STACK ".byte 0xf0, 0x89, 0xc8\n iret") \
    X(add_of_a_register_with_lock, LOAD_STACK ".byte 0xf0, 0x01, 0xc8\n iret") \
    X(no_operation_with_lock, LOAD_STACK ".byte 0xf0, 0x90\n iret") \
    X(movmskps_of_memory, LOAD_STACK ".byte 0x0f, 0x50, 0x08\n iret") \
    X(extrq, LOAD_STACK ".byte 0x66, 0x0f, 0x78, 0x05, 0x48, 0xcf, 0x90, 0x90\n iret")
/* clang-format on */

INSTRUCTION_TABLE(INSTRUCTIONS);

static int is_undefined(const struct instruction *instruction, const struct trap_seen *seen)
{
    return seen->vector == VECTOR_INVALID_OPCODE &&
           seen->code_address == (uintptr_t)instruction->function + LOAD_STACK_SIZE_BYTES;
}

static int is_seen(const struct trap_seen *seen)
{
    return seen->vector == VECTOR_PAGE_FAULT && seen->fault_address == STACK;
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < INSTRUCTION_COUNT; i++) {
        struct trap_seen seen = {0};

        scenario_user(instructions[i].function, 0, &seen);
        EXPECT(is_undefined(&instructions[i], &seen) || is_seen(&seen), "%s: vector %u at 0x%llx",
               instructions[i].name, (unsigned)seen.vector, (unsigned long long)seen.code_address);
    }
}
