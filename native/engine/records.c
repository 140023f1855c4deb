/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a running machine tells the outside, as queues of records that Python takes
 * between two runs: console output, the log, marks. Nothing here influences a guest.
 */
#include <string.h>

#include "machine.h"
#include "platform_host.h"

static uint32_t processor_running(struct machine *machine, uint32_t partition)
{
    uint32_t first = machine->monitor->partitions[partition].first_virtual_processor;
    return processor_of(machine, first);
}

void record_console(struct machine *machine, uint32_t partition, const uint8_t *data,
                    uint32_t size_bytes)
{
    struct console_chunk chunk = {0};
    uint8_t *room = queue_push(&machine->console_queue, sizeof chunk + size_bytes);
    if (machine->traced) {
        trace_console(machine, data, size_bytes);
    }
    if (room == NULL) {
        machine->consoles[partition].dropped_bytes += size_bytes;
        return;
    }
    chunk.clock_cycles = host_time(machine, processor_running(machine, partition));
    chunk.partition = partition;
    chunk.size_bytes = size_bytes;
    memcpy(room, &chunk, sizeof chunk);
    memcpy(room + sizeof chunk, data, size_bytes);
}

int machine_console_next(struct machine *machine, struct console_chunk *chunk)
{
    struct queue *queue = &machine->console_queue;
    if (queue->tail == queue->head) {
        return 0;
    }
    memcpy(chunk, queue->bytes + queue->head, sizeof *chunk);
    const uint8_t *record = queue_pop(queue, sizeof *chunk + chunk->size_bytes);
    chunk->data = record + sizeof *chunk;
    return 1;
}

static void push_log(struct machine *machine, const struct log_record *record)
{
    struct log_record *room = queue_push(&machine->log_queue, sizeof *room);
    if (room != NULL) {
        *room = *record;
    }
}

/* A guest can switch the log of its own partition off. */
static bool is_traced(const struct machine *machine, const struct virtual_processor *record)
{
    return record->id >= IDLE_ID_FIRST ||
           machine->monitor->partitions[record->partition].trace_enabled != 0;
}

void record_mark(struct machine *machine, uint32_t virtual_processor, uint64_t id, uint64_t value)
{
    const struct virtual_processor *record =
        &machine->monitor->virtual_processors[virtual_processor];
    struct mark_record mark = {
        .clock_cycles = host_time(machine, record->processor),
        .guest_cycles = machine_work(machine, virtual_processor),
        .id = id,
        .value = value,
        .partition = record->partition,
        .virtual_processor = record->index,
    };
    struct mark_record *room = queue_push(&machine->mark_queue, sizeof *room);
    if (room != NULL) {
        *room = mark;
    }
    if (machine->traced) {
        trace_mark(machine, virtual_processor, &mark);
    }
    if ((machine->log_categories & LOG_MARK) != 0 && is_traced(machine, record)) {
        push_log(machine, &(struct log_record){.clock_cycles = mark.clock_cycles,
                                               .category = LOG_MARK,
                                               .processor = record->processor,
                                               .virtual_processor = virtual_processor,
                                               .arguments = {id, value, mark.guest_cycles}});
    }
}

int machine_mark_next(struct machine *machine, struct mark_record *record)
{
    const struct mark_record *mark = queue_pop(&machine->mark_queue, sizeof *mark);
    if (mark == NULL) {
        return 0;
    }
    *record = *mark;
    return 1;
}

void machine_log_set(struct machine *machine, uint32_t categories)
{
    machine->log_categories = categories;
    machine->observed = categories != 0 || machine->options.check_refusals != 0;
}

int machine_log_next(struct machine *machine, struct log_record *record)
{
    const struct log_record *oldest = queue_pop(&machine->log_queue, sizeof *oldest);
    if (oldest == NULL) {
        return 0;
    }
    *record = *oldest;
    return 1;
}

/* Which instruction calls the monitor, and which the guest's own kernel, depends on the width. */
static bool is_call(const struct virtual_processor *record, uint64_t vector)
{
    return record->width == 32 ? vector == ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR
                               : vector == ENTRY_SYSCALL;
}

static uint32_t category_of(const struct virtual_processor *record,
                            const struct registers *registers)
{
    uint64_t vector = registers->vector;
    if (is_call(record, vector)) {
        return record_in_user_mode(record, registers->cs) ? LOG_TRAP : LOG_HYPERCALL;
    }
    return vector == ENTRY_TIMER || vector == ENTRY_KICK ? LOG_EVENT : LOG_TRAP;
}

uint32_t log_number(const struct virtual_processor *record, uint64_t vector)
{
    if (record->width == 32 && vector == ENTRY_SOFTWARE_INTERRUPT + SYSTEM_CALL_VECTOR) {
        return LOG_NUMBER_SYSTEM_CALL;
    }
    switch (vector) {
    case ENTRY_TIMER:
        return LOG_NUMBER_TIMER;
    case ENTRY_KICK:
        return LOG_NUMBER_KICK;
    case ENTRY_SYSCALL:
        return LOG_NUMBER_SYSTEM_CALL;
    default:
        return (uint32_t)vector;
    }
}

void log_entry(struct machine *machine, struct physical_processor *processor,
               const struct virtual_processor *record, const struct registers *registers,
               uint64_t fault_address)
{
    struct log_record *log = &machine->pending_log[processor->id];
    memset(log, 0, sizeof *log);
    if (!is_traced(machine, record)) {
        return;
    }
    log->clock_cycles = host_time(machine, processor->id);
    log->category = category_of(record, registers);
    log->processor = processor->id;
    log->virtual_processor = record->id;
    if (log->category == LOG_HYPERCALL) {
        log->number = (uint32_t)registers->rax;
        bool narrow = record->width == 32;
        log->arguments[0] = narrow ? registers->rbx : registers->rdi;
        log->arguments[1] = narrow ? registers->rcx : registers->rsi;
        log->arguments[2] = registers->rdx;
    } else {
        log->number = log_number(record, registers->vector);
        log->arguments[0] = registers->error_code;
        log->arguments[1] = registers->rip;
        log->arguments[2] = registers->vector == 14 ? fault_address : 0;
    }
}

static void log_stops(struct machine *machine, const struct log_record *cause)
{
    const struct virtual_processor *record =
        cause->virtual_processor >= IDLE_ID_FIRST
            ? NULL
            : &machine->monitor->virtual_processors[cause->virtual_processor];
    if (record == NULL || (machine->log_categories & LOG_PARTITION) == 0 ||
        machine->monitor->partitions[record->partition].state != PARTITION_STOPPED) {
        return;
    }
    struct log_record stop = *cause;
    const struct stop_record *reason = &machine->monitor->partitions[record->partition].stop;
    stop.category = LOG_PARTITION;
    stop.number = reason->reason;
    stop.arguments[0] = reason->exit_code;
    stop.arguments[1] = reason->rip;
    stop.arguments[2] = reason->address;
    push_log(machine, &stop);
}

void log_return(struct machine *machine, struct physical_processor *processor,
                const struct virtual_processor *next)
{
    struct log_record *log = &machine->pending_log[processor->id];
    if (log->category == 0) {
        return;
    }
    if (log->category == LOG_HYPERCALL && log->virtual_processor < IDLE_ID_FIRST) {
        const struct virtual_processor *record =
            &machine->monitor->virtual_processors[log->virtual_processor];
        uint64_t result = record->registers.rax;
        log->result =
            (int64_t)(record->width == 32 ? result | record->registers.rdx << 32 : result);
    }
    if ((log->category & machine->log_categories) != 0) {
        push_log(machine, log);
    }
    log_stops(machine, log);
    if (next->id != log->virtual_processor && (machine->log_categories & LOG_SWITCH) != 0) {
        struct log_record change = *log;
        change.category = LOG_SWITCH;
        change.number = next->id;
        memset(change.arguments, 0, sizeof change.arguments);
        change.result = 0;
        push_log(machine, &change);
    }
    log->category = 0;
}

static uint64_t take(uint64_t *count)
{
    uint64_t taken = *count;
    *count = 0;
    return taken;
}

int machine_dropped_take(struct machine *machine, struct dropped_records *dropped)
{
    uint64_t any;

    dropped->log_records = take(&machine->log_queue.dropped);
    dropped->trace_records = take(&machine->trace_queue.dropped);
    dropped->marks = take(&machine->mark_queue.dropped);
    any = dropped->log_records | dropped->trace_records | dropped->marks;
    for (uint32_t partition = 0; partition < PARTITION_LIMIT; partition++) {
        dropped->console_bytes[partition] = take(&machine->consoles[partition].dropped_bytes);
        any |= dropped->console_bytes[partition];
    }
    return any != 0;
}
