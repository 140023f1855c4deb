/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What user mode sees: the image's code and constants, a page of data, a stack.
 */
#include "memory.h"
#include "scenario.h"
#include "start.h"
#include "trap.h"

#define LEFT_BY_KERNEL 0x1234u
#define LEFT_BY_USER 0x5678u

SCENARIO(4 * 1024 * 1024, "User mode reads code and constants, writes its page, and no more.");

static const uint32_t constant = 77;
static uint32_t variable = 78;

static void word_read(uintptr_t address)
{
    scenario_user_leave(*(const volatile uint32_t *)address);
}

static void word_write(uintptr_t address)
{
    *(volatile uint32_t *)address = LEFT_BY_USER;
}

static uint64_t value_at(const volatile void *address)
{
    struct trap_seen seen;

    scenario_user(word_read, (uintptr_t)address, &seen);
    EXPECT(seen.vector == VECTOR_SYSTEM_CALL, "reading ended with vector %u at %llx",
           (unsigned)seen.vector, (unsigned long long)seen.fault_address);
    return seen.result;
}

static void expect_fault(scenario_function *function, const volatile void *address)
{
    struct trap_seen seen;

    scenario_user(function, (uintptr_t)address, &seen);
    EXPECT(seen.vector == VECTOR_PAGE_FAULT && seen.fault_address == (uintptr_t)address,
           "ended with vector %u at %llx", (unsigned)seen.vector,
           (unsigned long long)seen.fault_address);
}

void scenario_main(const struct start_page *start)
{
    uint32_t *shared = scenario_user_data();
    struct trap_seen seen;

    *shared = LEFT_BY_KERNEL;
    EXPECT(value_at((void *)(uintptr_t)SCENARIO_USER_DATA) == LEFT_BY_KERNEL, "not the page");
    EXPECT(value_at(&constant) == constant, "not the constant");
    scenario_user(word_write, SCENARIO_USER_DATA, &seen);
    EXPECT(seen.vector == VECTOR_SYSTEM_CALL && seen.result == 0, "writing ended with vector %u",
           (unsigned)seen.vector);
    EXPECT(*shared == LEFT_BY_USER, "user mode left %x", *shared);
    expect_fault(word_read, &variable);
    expect_fault(word_write, &constant);
    expect_fault(word_read, start);
    expect_fault(word_read, frame_pointer(0));
}
