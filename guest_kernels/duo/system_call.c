/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the system calls: a row each in a table. Every argument comes from user mode
 * and is checked; a bad one makes the call fail, never the kernel.
 */
#include "system_call.h"

#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "schedule.h"
#include "user.h"

typedef int64_t system_call_function(struct process *process, uint64_t first, uint64_t second);

static int64_t call_write(struct process *process, uint64_t address, uint64_t size_bytes)
{
    char text[SYSTEM_CALL_WRITE_LIMIT + 1];

    if (size_bytes > SYSTEM_CALL_WRITE_LIMIT ||
        !process_copy_in(process, text, address, size_bytes)) {
        return SYSTEM_CALL_FAILED;
    }
    text[size_bytes] = '\0';
    print("%s: %s\n", process->name, text);
    return (int64_t)size_bytes;
}

static int64_t call_yield(struct process *process, uint64_t first, uint64_t second)
{
    (void)process;
    (void)first;
    (void)second;
    schedule_yield();
    return 0;
}

static int64_t call_exit(struct process *process, uint64_t code, uint64_t second)
{
    (void)second;
    process->state = PROCESS_EXITED;
    process->exit_code = (int64_t)code;
    return 0;
}

static int64_t call_id(struct process *process, uint64_t first, uint64_t second)
{
    (void)first;
    (void)second;
    return process->id;
}

static int64_t call_base(struct process *process, uint64_t address, uint64_t second)
{
    (void)second;
    if (address >= USER_END_ADDRESS || thread_base_set(address) != 0) {
        return SYSTEM_CALL_FAILED;
    }
    process->thread_base = address;
    return 0;
}

static int64_t call_modify(struct process *process, uint64_t address, uint64_t value)
{
    return process_patch(process, address, (uint32_t)value) ? 0 : SYSTEM_CALL_FAILED;
}

static system_call_function *const functions[SYSTEM_CALL_COUNT] = {
    [SYSTEM_CALL_write] = call_write, [SYSTEM_CALL_yield] = call_yield,
    [SYSTEM_CALL_exit] = call_exit,   [SYSTEM_CALL_id] = call_id,
    [SYSTEM_CALL_base] = call_base,   [SYSTEM_CALL_modify] = call_modify,
};

struct trap_state *system_call_arrived(struct trap_state *state)
{
    struct process *process = schedule_current();
    uint64_t number = system_call_number(state);
    int64_t result = SYSTEM_CALL_FAILED;

    events_mask();
    process->call_count++;
    if (number < SYSTEM_CALL_COUNT) {
        result = functions[number](process, system_call_first(state), system_call_second(state));
    }
    system_call_answer(state, result);
    return schedule_resume(state);
}
