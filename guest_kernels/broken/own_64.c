/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 64-bit kernel: in ring 3, like its programs; segments are bases. See own.h. */
#include "own.h"

#include "bytes.h"
#include "check.h"
#include "hypercall.h"
#include "instructions.h"
#include "row.h"

const uint32_t own_code_selector = SELECTOR_GUEST_CODE_64;
const char own_record_form[] = "base_get: its own data";
const char own_thread_form[] = "base_set: a thread's data";
const char own_system_call_form[] = "syscall: it arrived";
const char own_pop_why[] = "a thread's data are lost";
const char own_pop_form[] = "base_set: found again";
const char own_push_form[] = "base_get: where it begins";

static uint32_t thread;

void own_state(struct trap_state *state, void (*function)(void), uintptr_t stack_top)
{
    memset(state, 0, sizeof(*state));
    state->frame.state = FRAME_STATE_EVENTS_MASKED;
    state->frame.rip = (uintptr_t)function;
    state->frame.cs = SELECTOR_GUEST_CODE_64;
    state->frame.rflags = RFLAGS_START;
    state->frame.rsp = stack_top - sizeof(uint64_t); /* as if the function had been called */
    state->frame.ss = SELECTOR_GUEST_DATA;
}

uintptr_t own_record_address(void)
{
    return (uintptr_t)hypercall_base_get(BASE_gs_kernel);
}

uint32_t own_thread_read(uint32_t word)
{
    uint32_t result;

    thread = word;
    CALL(hypercall_base_set(BASE_fs, (uintptr_t)&thread));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(result) : : "memory");
    return result;
}

int own_pop_unmodified(char *happened)
{
    int64_t base;

    CALL(hypercall_base_set(BASE_fs, (uintptr_t)&thread));
    broken_pop(SELECTOR_GUEST_DATA);
    base = hypercall_base_get(BASE_fs);
    SAY(happened, "makes the base of FS %lx", (unsigned long)base);
    return base == 0;
}

int own_push_modified(void)
{
    return hypercall_base_get(BASE_fs) == (int64_t)(uintptr_t)&thread;
}
