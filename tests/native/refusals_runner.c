/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that lie about having changed nothing: what native/engine/refusals.c must notice, and
 * what it must let pass. Compiled and run by test_refusals.py, one case a run; the exit code is
 * 1 when the host would have been stopped. Plays the engine's part with one small machine.
 */
#include "refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "platform_host.h"
#include "view.h"

#define MEMORY_SIZE_BYTES (16ull << 20)
#define GUEST_FRAME 0xa00u
#define SHARED_FRAME 0xa01u

static struct machine machine;
static struct view_body view;
static struct virtual_processor *caller;

_Noreturn void host_panic(struct machine *stopped, const char *where)
{
    (void)stopped;
    (void)puts(where);
    exit(1);
}

/* Of one frame: how a real one is made of extents is hash.c's. */
uint64_t hash_memory(const struct machine *of, uint32_t partition)
{
    return memory_hash(of->memory.base + (uint64_t)GUEST_FRAME * PAGE_SIZE_BYTES, PAGE_SIZE_BYTES,
                       partition);
}

/* Every call of the cases comes by `syscall`. */
bool engine_at_vmcall(const struct engine *engine)
{
    (void)engine;
    return false;
}

static struct shared_page *shared_page(void)
{
    return (void *)(machine.memory.base + (uint64_t)SHARED_FRAME * PAGE_SIZE_BYTES);
}

static void machine_make(void)
{
    if (memory_create(&machine.memory, MEMORY_SIZE_BYTES) != NATIVE_OK) {
        exit(2);
    }
    machine.monitor = (void *)(machine.memory.base + MONITOR_STATE_ADDRESS);
    machine.options.processor_count = 1;
    machine.options.check_refusals = 1;
    machine.partition_count = 2;
    machine.view = &view;
    view.virtual_processor_count = 2;
    caller = &machine.monitor->virtual_processors[0];
    caller->partition = 1;
    caller->shared_frame = SHARED_FRAME;
    caller->registers.vector = ENTRY_SYSCALL;
    caller->registers.rax = HC_table_pin;
    shared_page()->events_masked = 1;
}

static void change_memory(void)
{
    machine.memory.base[(uint64_t)GUEST_FRAME * PAGE_SIZE_BYTES + 8]++;
}

static void change_frame_table(void)
{
    struct frame *frames = (void *)(machine.memory.base + FRAME_TABLE_ADDRESS);
    frames[GUEST_FRAME].reference_count++;
}

static void change_own_record(void)
{
    caller->kernel_stack_top++;
}

static void change_other_record(void)
{
    machine.monitor->virtual_processors[1].registers.rip++;
}

static void change_handlers(void)
{
    machine.monitor->partitions[1].trap_handlers[31].address++;
}

static void change_schedule(void)
{
    machine.monitor->processors[0].slot++;
}

static void change_deadline(void)
{
    machine.processors[0].deadline++;
}

static void change_registers(void)
{
    caller->registers.rcx++;
}

static void change_counters(void)
{
    machine.monitor->partitions[1].counters.hypercalls[HC_table_pin]++;
}

static void change_nothing(void)
{
}

struct change {
    const char *name;
    void (*make)(void);
};

static const struct change changes[] = {
    {"nothing", change_nothing},           {"memory", change_memory},
    {"frame_table", change_frame_table},   {"own_record", change_own_record},
    {"other_record", change_other_record}, {"handlers", change_handlers},
    {"schedule", change_schedule},         {"deadline", change_deadline},
    {"registers", change_registers},       {"counters", change_counters},
};

/* What makes a call that may change things: it succeeds, or it is none. */
static void situation_make(const char *name)
{
    if (strcmp(name, "user_mode") == 0) {
        caller->user_mode = 1;
    } else if (strcmp(name, "attention") == 0) {
        machine.monitor->processors[0].attention = 1;
    } else if (strcmp(name, "event") == 0) {
        shared_page()->events_masked = 0;
        shared_page()->events_pending = 2;
    } else if (strcmp(name, "page_fault") == 0) {
        caller->registers.vector = 14;
    } else if (strcmp(name, "switched_off") == 0) {
        machine.options.check_refusals = 0;
    } else if (strcmp(name, "iret") == 0) {
        caller->registers.rax = HC_iret;
    } else if (strcmp(name, "no_such_call") == 0) {
        caller->registers.rax = HYPERCALL_COUNT;
    }
}

/* Arguments: the situation, what the call changes, what it returns. */
int main(int count, char **arguments)
{
    if (count != 4) {
        return 2;
    }
    machine_make();
    situation_make(arguments[1]);
    struct refusal refusal = refusal_prepare(&machine, caller);
    for (size_t index = 0; index < sizeof changes / sizeof changes[0]; index++) {
        if (strcmp(changes[index].name, arguments[2]) == 0) {
            changes[index].make();
            caller->registers.rax = (uint64_t)strtoll(arguments[3], NULL, 10);
            refusal_check(&machine, &refusal, caller);
            return 0;
        }
    }
    return 2;
}
