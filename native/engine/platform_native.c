/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * monitor/platform.h for the native build, and the parts of it that the simulated build
 * asks of the host through its doorbell: clocks, other processors, consoles, marks.
 */
#include "platform.h"

#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "platform_host.h"

_Thread_local struct machine *current_machine;
_Thread_local uint8_t *platform_memory;

void platform_enter(struct machine *machine)
{
    current_machine = machine;
    platform_memory = machine->memory.base;
}

uint64_t host_time(struct machine *machine, uint32_t processor_id)
{
    struct physical_processor *processor = &machine->processors[processor_id];
    if (processor->engine != NULL) {
        engine_settle(processor->engine);
    }
    return processor->clock;
}

void host_deadline_set(struct machine *machine, uint32_t processor_id, uint64_t deadline_cycles)
{
    struct physical_processor *processor = &machine->processors[processor_id];
    processor->deadline = deadline_cycles;
    processor->budget_stale = true;
}

void host_clock_rebate(struct machine *machine, uint32_t processor_id, uint64_t cycles)
{
    struct physical_processor *processor = &machine->processors[processor_id];
    (void)host_time(machine, processor_id);
    processor->clock -= cycles;
    processor->budget_stale = true;
}

void host_kick(struct machine *machine, uint32_t processor_id)
{
    machine->processors[processor_id].kicked = true;
}

enum stale { STALE_TRANSLATION, STALE_CODE };

/* On every engine that can run the partition; each drops it before it runs anything. */
static void mark_stale(struct machine *machine, uint32_t partition, enum stale what)
{
    const struct partition *owner = &machine->monitor->partitions[partition];
    bool native = machine->options.monitor_build == MONITOR_NATIVE;
    uint32_t first = native ? owner->first_virtual_processor : 0;
    uint32_t count = native ? owner->virtual_processor_count : machine->options.processor_count;
    for (uint32_t index = first; index < first + count; index++) {
        struct engine *engine = machine->engines[index];
        if (engine != NULL) {
            engine->translation_stale |= what == STALE_TRANSLATION;
            engine->code_stale |= what == STALE_CODE;
            engine_attend(engine);
        }
    }
}

void host_translation_flush(struct machine *machine, uint32_t partition)
{
    mark_stale(machine, partition, STALE_TRANSLATION);
    meter_stale_translations(machine, partition);
}

void host_code_changed(struct machine *machine, uint32_t partition)
{
    mark_stale(machine, partition, STALE_CODE);
}

void host_console_write(struct machine *machine, uint32_t partition, uint64_t machine_address,
                        uint32_t size_bytes)
{
    if (machine_address < machine->memory.size_bytes &&
        size_bytes <= machine->memory.size_bytes - machine_address) {
        record_console(machine, partition, machine->memory.base + machine_address, size_bytes);
    }
}

uint32_t host_console_read(struct machine *machine, uint32_t partition, uint64_t machine_address,
                           uint32_t size_bytes)
{
    struct console *console = console_of(machine, partition);
    uint32_t taken =
        size_bytes < console->input_size_bytes ? size_bytes : console->input_size_bytes;
    /* A console that never had any input has no buffer either. */
    if (taken == 0 || machine_address >= machine->memory.size_bytes ||
        taken > machine->memory.size_bytes - machine_address) {
        return 0;
    }
    memcpy(machine->memory.base + machine_address, console->input, taken);
    console->input_size_bytes -= taken;
    memmove(console->input, console->input + taken, console->input_size_bytes);
    return taken;
}

_Noreturn void host_panic(struct machine *machine, const char *where)
{
    machine->failed = true;
    machine->failure = EXIT_MONITOR_PANIC;
    (void)snprintf(machine->error, sizeof machine->error, "the monitor is wrong: %s", where);
    longjmp(machine->panic, 1);
}

uint64_t platform_time(uint32_t processor)
{
    return host_time(current_machine, processor);
}

void platform_deadline_set(uint32_t processor, uint64_t deadline_cycles)
{
    host_deadline_set(current_machine, processor, deadline_cycles);
}

void platform_clock_rebate(uint32_t processor, uint64_t cycles)
{
    host_clock_rebate(current_machine, processor, cycles);
}

void platform_kick(uint32_t processor)
{
    host_kick(current_machine, processor);
}

/*
 * The engine compares roots whenever it loads a record; the same table needs no load, but for
 * the one that the monitor keeps for a 32-bit guest, in which another root hangs now.
 */
void platform_root_load(struct virtual_processor *current)
{
    if (current->width == 32) {
        current_machine->engines[current->id]->loaded_root = ~0ull;
        current_machine->processors[current->processor].root = 0;
    }
}

void platform_selectors_save(struct virtual_processor *current)
{
    current->selectors = environment_selectors(current_machine->engines[current->id]->environment);
}

/* The bases that came with them are in force at once, so they are the record's too. */
void platform_selectors_load(struct virtual_processor *current)
{
    struct environment *environment = current_machine->engines[current->id]->environment;
    environment_load_selectors(environment, current);
    current->fs_base = environment->segments[ENV_FS].base;
    current->gs_base = environment->segments[ENV_GS].base;
}

void platform_translation_flush(uint32_t partition, uint64_t address)
{
    meter_flush_translation(current_machine, partition, address);
    /* The engine knows no smaller unit than all. */
    host_translation_flush(current_machine, partition);
}

void platform_code_changed(uint32_t partition, uint64_t frame)
{
    (void)frame;
    host_code_changed(current_machine, partition);
}

/* A record that was stopped and starts again has an engine that remembers its past. */
void platform_context_reset(struct virtual_processor *record)
{
    struct machine *machine = current_machine;
    floating_point_reset_image(record->floating_point);
    if (record->id < IDLE_ID_FIRST && machine->engines[record->id] != NULL) {
        struct engine *engine = machine->engines[record->id];
        floating_point_load(engine->uc, record->floating_point);
        environment_load_selectors(engine->environment, record);
        engine->in_monitor = true;
    }
}

void platform_console_write(uint32_t partition, uint64_t machine_address, uint32_t size_bytes)
{
    host_console_write(current_machine, partition, machine_address, size_bytes);
}

uint32_t platform_console_read(uint32_t partition, uint64_t machine_address, uint32_t size_bytes)
{
    return host_console_read(current_machine, partition, machine_address, size_bytes);
}

void platform_mark(uint32_t virtual_processor, uint64_t id, uint64_t value)
{
    record_mark(current_machine, virtual_processor, id, value);
}

_Noreturn void platform_panic(const char *where)
{
    host_panic(current_machine, where);
}
