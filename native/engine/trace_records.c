/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace of the whole host: every entry of the monitor from entering to leaving, and what
 * happened within, as records that Python takes between two runs. It is the operator's: unlike
 * the log's, no guest can switch it off. Nothing here influences a guest.
 */
#include <string.h>

#include "machine.h"
#include "platform_host.h"

static void push(struct machine *machine, const struct trace_record *record)
{
    struct trace_record *room = queue_push(&machine->trace_queue, sizeof *room);
    if (room != NULL) {
        *room = *record;
    }
}

void machine_trace_set(struct machine *machine, uint32_t enabled)
{
    machine->traced = enabled != 0;
    trace_forget(machine);
}

uint32_t machine_trace_take(struct machine *machine, const struct trace_record **records)
{
    struct queue *queue = &machine->trace_queue;
    uint64_t size_bytes = queue->tail - queue->head;
    *records = queue_pop(queue, size_bytes);
    return (uint32_t)(size_bytes / sizeof **records);
}

void trace_forget(struct machine *machine)
{
    memset(machine->pending_trace, 0, sizeof machine->pending_trace);
    for (uint32_t id = 1; id <= machine->partition_count; id++) {
        const struct partition *partition = &machine->monitor->partitions[id];
        machine->traced_deliveries[id] = partition->counters.events_delivered;
        machine->traced_stops[id] = partition->state == PARTITION_STOPPED;
    }
}

/* The registers of a call, or what the processor says of a trap. */
static void fill_arguments(struct trace_record *trace, const struct virtual_processor *record,
                           const struct registers *from, uint64_t fault_address)
{
    if (trace->kind != TRACE_HYPERCALL) {
        trace->number = log_number(record, from->vector);
        trace->arguments[0] = from->error_code;
        trace->arguments[1] = from->rip;
        trace->arguments[2] = from->vector == VECTOR_PAGE_FAULT ? fault_address : 0;
        return;
    }
    const uint64_t wide[5] = {from->rdi, from->rsi, from->rdx, from->r10, from->r8};
    const uint64_t narrow[5] = {from->rbx, from->rcx, from->rdx, from->rsi, from->rdi};
    bool is_narrow = record->width == 32;
    trace->number = (uint32_t)from->rax;
    for (uint32_t i = 0; i < 5; i++) {
        trace->arguments[i] = is_narrow ? (uint32_t)narrow[i] : wide[i];
    }
}

static uint64_t fault_address_of(const struct machine *machine,
                                 const struct physical_processor *processor,
                                 const struct virtual_processor *record)
{
    return machine->options.monitor_build == MONITOR_NATIVE || processor->engine == NULL
               ? record->fault_address
               : processor->engine->environment->cr[2];
}

void trace_enter(struct machine *machine, struct physical_processor *processor,
                 const struct virtual_processor *record, const struct registers *registers,
                 uint32_t path)
{
    struct trace_record *trace = &machine->pending_trace[processor->id];
    memset(trace, 0, sizeof *trace);
    trace->enter_cycles = host_time(machine, processor->id);
    trace->machine_cycles = processor->machine_cycles; /* subtracted when it leaves */
    trace->kind = path == TIMING_PATH_HYPERCALL ? TRACE_HYPERCALL
                  : path == TIMING_PATH_TRAP    ? TRACE_TRAP
                                                : TRACE_INTERRUPT;
    trace->processor = processor->id;
    trace->virtual_processor = record->id;
    fill_arguments(trace, record, registers, fault_address_of(machine, processor, record));
}

/* Of any partition: a call of one can stop another, and so can the operator. */
static void push_stops(struct machine *machine, const struct trace_record *cause)
{
    for (uint32_t id = 1; id <= machine->partition_count; id++) {
        const struct partition *partition = &machine->monitor->partitions[id];
        if (partition->state != PARTITION_STOPPED || machine->traced_stops[id]) {
            continue;
        }
        machine->traced_stops[id] = true;
        const struct stop_record *stop = &partition->stop;
        struct trace_record trace = *cause;
        trace.kind = TRACE_STOP;
        trace.number = (uint32_t)stop->reason;
        memset(trace.arguments, 0, sizeof trace.arguments);
        trace.arguments[0] = id;
        trace.arguments[1] = stop->exit_code;
        trace.arguments[2] = stop->rip;
        trace.arguments[3] = stop->address;
        trace.result = 0;
        push(machine, &trace);
    }
}

/* Callbacks are taken on the way out of an entry only, by who goes on. */
static uint32_t delivers(struct machine *machine, const struct virtual_processor *next)
{
    if (next->id >= IDLE_ID_FIRST) {
        return 0;
    }
    uint64_t count = machine->monitor->partitions[next->partition].counters.events_delivered;
    bool is_new = count != machine->traced_deliveries[next->partition];
    machine->traced_deliveries[next->partition] = count;
    return is_new;
}

void trace_leave(struct machine *machine, struct physical_processor *processor,
                 const struct virtual_processor *next)
{
    struct trace_record *trace = &machine->pending_trace[processor->id];
    if (trace->kind == 0) {
        return;
    }
    trace->leave_cycles = host_time(machine, processor->id);
    trace->machine_cycles = processor->machine_cycles - trace->machine_cycles;
    trace->next = next->id;
    trace->delivers = delivers(machine, next);
    if (trace->kind == TRACE_HYPERCALL) {
        const struct virtual_processor *caller =
            &machine->monitor->virtual_processors[trace->virtual_processor];
        uint64_t result = caller->registers.rax;
        trace->result =
            (int64_t)(caller->width == 32 ? (uint32_t)result | caller->registers.rdx << 32
                                          : result);
    }
    push_stops(machine, trace);
    push(machine, trace);
    trace->kind = 0;
}

void trace_mark(struct machine *machine, uint32_t virtual_processor, const struct mark_record *mark)
{
    struct trace_record trace = {
        .enter_cycles = mark->clock_cycles,
        .leave_cycles = mark->clock_cycles,
        .kind = TRACE_MARK,
        .processor = processor_of(machine, virtual_processor),
        .virtual_processor = virtual_processor,
        .next = virtual_processor,
        .arguments = {mark->id, mark->value, mark->guest_cycles},
    };
    push(machine, &trace);
}

void trace_console(struct machine *machine, const uint8_t *data, uint32_t size_bytes)
{
    const struct trace_record *entry = &machine->pending_trace[machine->turn];
    struct trace_record trace = {0};
    if (entry->kind == 0) {
        return; /* nobody writes but by a call */
    }
    trace.enter_cycles = trace.leave_cycles = host_time(machine, machine->turn);
    trace.kind = TRACE_CONSOLE;
    trace.processor = machine->turn;
    trace.virtual_processor = trace.next = entry->virtual_processor;
    trace.result = size_bytes;
    memcpy(trace.arguments, data,
           size_bytes < sizeof trace.arguments ? size_bytes : sizeof trace.arguments);
    push(machine, &trace);
}
