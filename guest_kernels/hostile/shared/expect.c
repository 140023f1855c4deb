/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the hostile scenarios expect of a trap: see hostile.h.
 */
#include "hostile.h"

static void expect_seen(const char *name, int trapped, const struct trap_seen *seen,
                        uint64_t vector, uint64_t error_code)
{
    EXPECT(trapped, "%s went through", name);
    EXPECT(seen->vector == vector, "%s: vector %u, error code 0x%llx", name, (unsigned)seen->vector,
           (unsigned long long)seen->error_code);
    EXPECT(seen->error_code == error_code, "%s: error code 0x%llx", name,
           (unsigned long long)seen->error_code);
}

void expect_trap(const char *name, scenario_function *function, uintptr_t argument, uint64_t vector,
                 uint64_t error_code)
{
    struct trap_seen seen = {0};
    int trapped = scenario_trap(function, argument, &seen);

    expect_seen(name, trapped, &seen, vector, error_code);
}

void expect_user_trap(const char *name, scenario_function *function, uintptr_t argument,
                      uint64_t vector, uint64_t error_code)
{
    struct trap_seen seen = {0};

    scenario_user(function, argument, &seen);
    EXPECT((seen.state & FRAME_STATE_USER) != 0, "%s did not come from user mode", name);
    expect_seen(name, 1, &seen, vector, error_code);
}

void expect_page_fault(const char *name, scenario_function *function, uintptr_t address,
                       uint64_t error_code)
{
    struct trap_seen seen = {0};
    int trapped = scenario_trap(function, address, &seen);

    seen.error_code &= ~(uint64_t)PAGE_FAULT_USER;
    expect_seen(name, trapped, &seen, VECTOR_PAGE_FAULT, error_code);
    EXPECT(seen.fault_address == address, "%s: fault address 0x%llx", name,
           (unsigned long long)seen.fault_address);
}

void expect_no_trap(const char *name, scenario_function *function, uintptr_t argument)
{
    struct trap_seen seen = {0};

    EXPECT(!scenario_trap(function, argument, &seen), "%s: vector %u, error code 0x%llx", name,
           (unsigned)seen.vector, (unsigned long long)seen.error_code);
}

static void expect_instruction(const struct instruction *instruction, uint64_t vector,
                               uint64_t error_code, int user_mode)
{
    struct trap_seen seen = {0};
    int trapped = 1;

    if (user_mode) {
        scenario_user(instruction->function, 0, &seen);
        EXPECT((seen.state & FRAME_STATE_USER) != 0, "%s left user mode", instruction->name);
    } else {
        trapped = scenario_trap(instruction->function, 0, &seen);
    }
    expect_seen(instruction->name, trapped, &seen, vector, error_code);
    EXPECT(seen.code_address == (uintptr_t)instruction->function, "%s trapped at 0x%llx",
           instruction->name, (unsigned long long)seen.code_address);
}

void expect_instructions(const struct instruction *instructions, uint32_t count, uint64_t vector,
                         uint64_t error_code)
{
    for (uint32_t i = 0; i < count; i++) {
        expect_instruction(&instructions[i], vector, error_code, 0);
        expect_instruction(&instructions[i], vector, error_code, 1);
    }
}
