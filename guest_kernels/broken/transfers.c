/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows about transfers to other segments: rings are real, gates and tasks are not the kernel's. */
#include "context.h"
#include "hypercall.h"
#include "instructions.h"
#include "own.h"
#include "programs.h"
#include "row.h"

#define INTERRUPT_NUMBER 0x81
#define INTERRUPT_ERROR_CODE (INTERRUPT_NUMBER * 8 + 2) /* a gate of the interrupt table */

/* That it is refused, and with this error code. */
static int is_refused(char *happened, tried_function *function, uintptr_t argument,
                      uint32_t error_code)
{
    struct arrival arrival = context_try(function, argument);

    if (arrival.vector == NO_ARRIVAL) {
        SAY(happened, "no fault");
    } else {
        SAY(happened, "faults: %s(%x)",
            arrival.vector == VECTOR_GENERAL_PROTECTION ? "#GP" : "another", arrival.error_code);
    }
    return arrival.vector == VECTOR_GENERAL_PROTECTION && arrival.error_code == error_code;
}

static int call_unmodified(char *happened)
{
    struct far_pointer target = {0, SELECTOR_MONITOR_CODE};

    return is_refused(happened, broken_call_far, (uintptr_t)&target, SELECTOR_MONITOR_CODE);
}

static int call_modified(void)
{
    return hypercall_version() == ABI_VERSION;
}

/* To the task that STR names: the hardware's way to switch. */
static int jmp_unmodified(char *happened)
{
    uint32_t task = broken_str();
    struct far_pointer target = {0, (uint16_t)task};

    return is_refused(happened, broken_jmp_far, (uintptr_t)&target, task);
}

static int int_unmodified(char *happened)
{
    return is_refused(happened, broken_int, 0, INTERRUPT_ERROR_CODE);
}

static int int_modified(void)
{
    struct arrival arrival = context_run_user(program_system_call);

    return arrival.vector == VECTOR_SYSTEM_CALL && arrival.from_user &&
           arrival.number == PROGRAM_NUMBER;
}

static int ret_unmodified(char *happened)
{
    return is_refused(happened, broken_ret_far, SELECTOR_MONITOR_CODE, SELECTOR_MONITOR_CODE);
}

static int ret_modified(void)
{
    struct arrival arrival = context_run_user(program_undefined);

    return arrival.vector == VECTOR_INVALID_OPCODE && arrival.from_user;
}

const struct row transfer_rows[] = {
    {"call far", call_unmodified, "no way into ring 0", call_modified, "call page: the monitor"},
    {"jmp far", jmp_unmodified, "no task switch", context_changes_stack, "call iret: other stack"},
    {"int", int_unmodified, "no gate of its own", int_modified, own_system_call_form},
    {"ret far", ret_unmodified, "no way back to ring 0", ret_modified, "call iret: user mode"},
    {0, 0, 0, 0, 0},
};
