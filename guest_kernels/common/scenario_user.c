/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the user mode of scenarios: an address space with the image's code and constants, a
 * page of data and a page of stack. The rest of the kernel is not mapped there.
 */
#include "check.h"
#include "hypercall.h"
#include "memory.h"
#include "processor.h"
#include "scenario_trap.h"
#include "start.h"
#include "tables.h"
#include "trap.h"

#define KERNEL_STACK_SIZE_BYTES 8192 /* on which traps of user mode arrive */
#define DATA_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_NO_EXECUTE)

static uint8_t kernel_stack[KERNEL_STACK_SIZE_BYTES] __attribute__((aligned(16)));
static uint64_t user_root; /* 0: not yet made; frame 0 belongs to the image */
static uint64_t data_frame;
static uint64_t stack_frame;

static void page_set(uint32_t address, uint64_t frame)
{
    space_entry_set(user_root, address, frame_to_machine(frame) << PAGE_SHIFT | DATA_FLAGS);
}

/* All that the kernel cannot write itself. */
static void image_share(void)
{
    uint64_t kernel_root = frame_from_machine(start_page->kernel_root_frame);

    for (uint64_t page = start_page->image_address; page < start_page->image_end_address;
         page += PAGE_SIZE_BYTES) {
        uint64_t entry = space_entry(kernel_root, page);

        if ((entry & ENTRY_PRESENT) != 0 && (entry & ENTRY_WRITABLE) == 0) {
            space_entry_set(user_root, page, entry | ENTRY_USER);
        }
    }
}

static void user_create(void)
{
    user_root = space_create();
    data_frame = frame_allocate();
    stack_frame = frame_allocate();
    image_share();
    page_set(SCENARIO_USER_DATA, data_frame);
    page_set(SCENARIO_USER_STACK - PAGE_SIZE_BYTES, stack_frame);
    CALL(space_enter(user_root));
    CALL(hypercall_kernel_stack_set((uintptr_t)kernel_stack + KERNEL_STACK_SIZE_BYTES));
}

uint64_t scenario_user_root(void)
{
    if (user_root == 0) {
        user_create();
    }
    return user_root;
}

void *scenario_user_data(void)
{
    (void)scenario_user_root();
    return frame_pointer(data_frame);
}

/* Events stay masked while the stack pointer is in the state. */
static void user_enter(uintptr_t state)
{
    processors[0].shared->events_masked = 1;
    trap_resume((const struct trap_state *)state);
}

void scenario_user(scenario_function *function, uintptr_t argument, struct trap_seen *seen)
{
    struct trap_state state;
    uint8_t *stack;

    (void)scenario_user_root();
    stack = frame_pointer(stack_frame);
    scenario_state_create(&state, function, argument, stack + PAGE_SIZE_BYTES);
    (void)scenario_trap(user_enter, (uintptr_t)&state, seen);
}
