/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns the one address space of user mode; see user_mode.h. */
#include "user_mode.h"

#include "bytes.h"
#include "check.h"
#include "memory.h"
#include "programs.h"
#include "tables.h"

#define CODE_ADDRESS 0x400000
#define STACK_ADDRESS 0x500000

void user_start(void)
{
    uint64_t root = space_create();
    uint64_t code = frame_allocate();
    uint64_t stack = frame_allocate();

    memcpy(frame_pointer(code), programs_begin, (size_t)(programs_end - programs_begin));
    frame_make_read_only(code);
    space_entry_set(root, CODE_ADDRESS,
                    frame_to_machine(code) << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_USER);
    space_entry_set(root, STACK_ADDRESS,
                    frame_to_machine(stack) << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_WRITABLE |
                        ENTRY_USER | ENTRY_NO_EXECUTE);
    CALL(thread_base_set(STACK_ADDRESS)); /* programs begin with a thread's segment */
    CALL(space_enter(root));
}

void user_state(struct trap_state *state, void (*program)(void))
{
    uintptr_t entry = CODE_ADDRESS + ((uintptr_t)program - (uintptr_t)programs_begin);

    memset(state, 0, sizeof(*state));
    trap_state_begin_user(state, entry, STACK_ADDRESS + PAGE_SIZE_BYTES, 0);
    state->frame.state |= FRAME_STATE_EVENTS_MASKED;
}
