/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `int n` for every n: the engine looks neither at the gates nor at their privilege.
 */
#include "shared/hostile.h"
#include "shared/interrupts.h"

HOSTILE("int n reaches a handler of the guest's, or is a protection fault that names n.");

#define INTERRUPT_COUNT 256
#define STUB_SIZE_BYTES 4
#define INSTRUCTION_SIZE_BYTES 2
#define BREAKPOINT 3
#define OVERFLOW 4
#define ERROR_CODE_GATE 2

/* In assembler: `int n` and `ret`, four bytes each. */
extern const uint8_t interrupt_stubs[];

static uintptr_t stub_address(uint32_t number)
{
    return (uintptr_t)interrupt_stubs + number * STUB_SIZE_BYTES;
}

static void expect_refusal(const struct trap_seen *seen, uint32_t number)
{
    EXPECT(seen->vector == VECTOR_GENERAL_PROTECTION &&
               seen->error_code == number * 8 + ERROR_CODE_GATE,
           "int %u: vector %u, error code 0x%llx", (unsigned)number, (unsigned)seen->vector,
           (unsigned long long)seen->error_code);
    EXPECT(seen->code_address == stub_address(number), "int %u trapped elsewhere",
           (unsigned)number);
}

static void expect_delivery(const struct trap_seen *seen, uint32_t number)
{
    EXPECT(seen->vector == number && seen->error_code == 0, "int %u: vector %u", (unsigned)number,
           (unsigned)seen->vector);
    EXPECT(seen->code_address == stub_address(number) + INSTRUCTION_SIZE_BYTES,
           "int %u returns elsewhere", (unsigned)number);
}

static void kernel_try(uint32_t number)
{
    struct trap_seen seen = {0};
    int trapped = scenario_trap((scenario_function *)stub_address(number), 0, &seen);

    EXPECT(trapped, "int %u went through", (unsigned)number);
    if (number < TRAP_VECTOR_LIMIT) {
        expect_delivery(&seen, number);
    } else {
        expect_refusal(&seen, number);
    }
}

static void user_try(uint32_t number)
{
    struct trap_seen seen = {0};

    scenario_user((scenario_function *)stub_address(number), 0, &seen);
    /* Their gates are open to every ring: `int3` and `into` come through them. */
    if (number == BREAKPOINT || number == OVERFLOW) {
        expect_delivery(&seen, number);
    } else {
        expect_refusal(&seen, number);
    }
}

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t number = 0; number < INTERRUPT_COUNT; number++) {
        if (!is_call_of_this_width(number)) {
            kernel_try(number);
            user_try(number);
        }
    }
}
