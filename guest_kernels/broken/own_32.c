/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 32-bit kernel: in ring 1; segments are descriptors of its own. See own.h. */
#include "own.h"

#include "bytes.h"
#include "check.h"
#include "context.h"
#include "hypercall.h"
#include "instructions.h"
#include "processor.h"
#include "row.h"

/* Behind the library's own: a segment of kernel mode. */
#define DESCRIPTOR_OWN (DESCRIPTOR_THREAD + 1)
#define SELECTOR_OWN (SELECTOR_GUEST_FIRST + 8 * DESCRIPTOR_OWN + RING_KERNEL)

const uint32_t own_code_selector = SELECTOR_KERNEL_CODE_32;
const char own_record_form[] = "descriptor_set: its data";
const char own_thread_form[] = "descriptor_set: a thread";
const char own_system_call_form[] = "int 0x80: it arrived";
const char own_pop_why[] = "a kernel's selector";
const char own_pop_form[] = "descriptor_set: its own";
const char own_push_form[] = "frame's state: kernel";

void own_state(struct trap_state *state, void (*function)(void), uintptr_t stack_top)
{
    memset(state, 0, sizeof(*state));
    state->fs = SELECTOR_PROCESSOR;
    state->es = SELECTOR_KERNEL_DATA_32;
    state->ds = SELECTOR_KERNEL_DATA_32;
    state->frame.state = FRAME_STATE_EVENTS_MASKED;
    state->frame.eip = (uintptr_t)function;
    state->frame.cs = SELECTOR_KERNEL_CODE_32;
    state->frame.eflags = EFLAGS_START;
    state->frame.esp = stack_top - sizeof(uint32_t); /* as if the function had been called */
    state->frame.ss = SELECTOR_KERNEL_DATA_32;
}

/* Through the segment that the library has made of it. */
uintptr_t own_record_address(void)
{
    return (uintptr_t)processor_current();
}

uint32_t own_thread_read(uint32_t word)
{
    static uint32_t thread;
    uint32_t result;

    thread = word;
    CALL(
        hypercall_descriptor_set(DESCRIPTOR_OWN, data_descriptor((uintptr_t)&thread, RING_KERNEL)));
    __asm__ volatile("mov %1, %%gs\n\tmov %%gs:0, %0"
                     : "=r"(result)
                     : "r"(SELECTOR_OWN)
                     : "memory");
    return result;
}

int own_pop_unmodified(char *happened)
{
    struct arrival arrival = context_try(broken_pop, SELECTOR_MONITOR_DATA);

    SAY(happened, "faults: #GP(%x)", arrival.error_code);
    return arrival.vector == VECTOR_GENERAL_PROTECTION &&
           arrival.error_code == SELECTOR_MONITOR_DATA;
}

int own_push_modified(void)
{
    struct arrival arrival = context_trap();

    return arrival.vector == VECTOR_INVALID_OPCODE && !arrival.from_user;
}
