/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A check that a person switches on: around every hypercall that is refused, the caller's
 * memory, the frame table and the monitor's state are hashed, and must be as they were. Called
 * by native_build.c, where the monitor is entered. Knows no call's meaning.
 */
#include "refusals.h"

#include <stddef.h>
#include <stdio.h>

#include "machine.h"
#include "platform_host.h"

#define REFUSAL_TEXT_LIMIT 128u

static const char *const call_names[HYPERCALL_COUNT] = {
#define HYPERCALL(number, name, right, arguments, sentence) [HC_##name] = #name,
#include "hypercalls.def"
#undef HYPERCALL
};

/* As the monitor will see it: a call of the guest's kernel, by any instruction. */
static bool is_call(const struct machine *machine, const struct virtual_processor *record)
{
    const struct registers *registers = &record->registers;
    bool narrow = record->width == 32;
    if (record_in_user_mode(record, registers->cs)) {
        return false;
    }
    if (registers->vector == VECTOR_UNDEFINED) {
        /* Its engine still stands at the instruction that brought it here. */
        return engine_at_vmcall(machine->engines[record->id]);
    }
    return registers->vector ==
           (narrow ? (uint64_t)ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR : ENTRY_SYSCALL);
}

/* Its delivery would follow the call, and change memory. */
static bool event_is_waiting(const struct machine *machine, const struct virtual_processor *record)
{
    const struct shared_page *shared =
        (const void *)(machine->memory.base + (record->shared_frame << PAGE_SHIFT));
    return (shared->events_pending & ~shared->events_disabled) != 0 && shared->events_masked == 0;
}

static uint64_t hash_step(uint64_t hash, const void *data, uint64_t size_bytes)
{
    return mix64(hash ^ memory_hash(data, size_bytes, size_bytes));
}

/* All that the monitor remembers, but for the registers that carry the call, and counters. */
static uint64_t hash_monitor(const struct machine *machine, const struct virtual_processor *caller)
{
    const struct monitor *monitor = machine->monitor;
    uint64_t hash = mix64(monitor->running_partitions ^ (uint64_t)monitor->stop_request << 32);
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        hash = hash_step(hash, &monitor->processors[id], sizeof monitor->processors[id]);
        hash = hash_step(hash, &monitor->idle[id], sizeof monitor->idle[id]);
        hash = mix64(hash ^ machine->processors[id].deadline ^ machine->processors[id].kicked);
    }
    for (uint32_t id = 0; id < machine->view->virtual_processor_count; id++) {
        const struct virtual_processor *record = &monitor->virtual_processors[id];
        uint64_t skipped_bytes = record == caller ? sizeof record->registers : 0;
        hash = hash_step(hash, (const uint8_t *)record + skipped_bytes,
                         sizeof *record - skipped_bytes);
    }
    for (uint32_t id = 1; id <= machine->partition_count; id++) {
        hash = hash_step(hash, &monitor->partitions[id], offsetof(struct partition, counters));
    }
    return hash;
}

static uint64_t hash_all(const struct machine *machine, const struct virtual_processor *caller)
{
    uint64_t hash = hash_monitor(machine, caller);
    hash = hash_step(hash, machine->memory.base + FRAME_TABLE_ADDRESS,
                     machine->memory.size_bytes / PAGE_SIZE_BYTES * sizeof(struct frame));
    return mix64(hash ^ hash_memory(machine, caller->partition));
}

struct refusal refusal_prepare(const struct machine *machine,
                               const struct virtual_processor *record)
{
    struct refusal refusal = {0};
    if (machine->options.check_refusals != 0 && record->id < IDLE_ID_FIRST &&
        is_call(machine, record) && !event_is_waiting(machine, record) &&
        machine->monitor->processors[record->processor].attention == 0) {
        refusal.checked = true;
        refusal.number =
            record->width == 32 ? (uint32_t)record->registers.rax : record->registers.rax;
        refusal.hash = hash_all(machine, record);
    }
    return refusal;
}

static int64_t call_result(const struct virtual_processor *record)
{
    const struct registers *registers = &record->registers;
    return record->width == 32 ? (int64_t)((uint32_t)registers->rax | registers->rdx << 32)
                               : (int64_t)registers->rax;
}

/* `iret` returns no error, but what a frame holds for RAX. */
static bool was_refused(const struct refusal *refusal, const struct virtual_processor *record)
{
    int64_t result = call_result(record);
    return refusal->checked && refusal->number != HC_iret && result < 0 && result > -ERROR_COUNT;
}

void refusal_check(struct machine *machine, const struct refusal *refusal,
                   const struct virtual_processor *record)
{
    char text[REFUSAL_TEXT_LIMIT];
    if (!was_refused(refusal, record) || hash_all(machine, record) == refusal->hash) {
        return;
    }
    if (refusal->number < HYPERCALL_COUNT) {
        (void)snprintf(text, sizeof text, "%s was refused with error %d and has changed something",
                       call_names[refusal->number], (int)-call_result(record));
    } else {
        (void)snprintf(text, sizeof text, "call %#llx, which does not exist, has changed something",
                       (unsigned long long)refusal->number);
    }
    host_panic(machine, text);
}
