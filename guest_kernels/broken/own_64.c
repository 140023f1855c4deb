/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 64-bit kernel: in ring 3, like its programs. See own.h. */
#include "own.h"

#include "bytes.h"
#include "check.h"
#include "hypercall.h"
#include "instructions.h"
#include "processor.h"
#include "row.h"

#define RFLAGS_START 0x202

const uint32_t own_code_selector = SELECTOR_GUEST_CODE_64;
const char own_pop_why[] = "a thread's data are lost";

static uint32_t thread;

int own_pop_unmodified(char *happened)
{
    int64_t base;

    CALL(hypercall_base_set(BASE_fs, (uintptr_t)&thread));
    broken_pop(SELECTOR_GUEST_DATA);
    base = hypercall_base_get(BASE_fs);
    SAY(happened, "makes the base of FS %lx", (unsigned long)base);
    return base == 0;
}

uintptr_t own_record_base(void)
{
    return (uintptr_t)hypercall_base_get(PROCESSOR_BASE);
}

uint32_t own_thread_read(uint32_t word)
{
    uint32_t result;

    thread = word;
    CALL(hypercall_base_set(BASE_fs, (uintptr_t)&thread));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(result) : : "memory");
    return result;
}

int own_thread_base_is_known(void)
{
    return hypercall_base_get(BASE_fs) == (int64_t)(uintptr_t)&thread;
}

void own_state(struct trap_state *state, void (*function)(void), uintptr_t stack_top, int user)
{
    memset(state, 0, sizeof(*state));
    state->frame.state = FRAME_STATE_EVENTS_MASKED | (user ? FRAME_STATE_USER : 0);
    state->frame.rip = (uintptr_t)function;
    state->frame.cs = SELECTOR_GUEST_CODE_64;
    state->frame.rflags = RFLAGS_START;
    state->frame.rsp = stack_top - sizeof(uint64_t); /* as if the function had been called */
    state->frame.ss = SELECTOR_GUEST_DATA;
}

uint32_t own_system_call_number(const struct trap_state *state)
{
    return (uint32_t)state->frame.rax;
}
