/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cycle-level cores of a machine: one a processor, behind one shared cache; on whose account
 * each works; and what they counted and recorded, as native.h gives it out.
 */
#include <string.h>

#include "cycle_meter.h"
#include "cycle_window.h"
#include "instruction.h"
#include "machine.h"
#include "platform.h"

#define WINDOW_LIMIT_INSTRUCTIONS 1000000u

int cycle_meters_open(struct machine *machine)
{
    const struct timing_parameters *parameters =
        timing_core_at(machine->options.timing - TIMING_SKYLAKE);
    machine->timing_decoder = timing_decoder_open(parameters);
    machine->timing_shared = timing_shared_open(parameters);
    bool whole = machine->timing_decoder != NULL && machine->timing_shared != NULL;
    if (whole) {
        timing_decoder_unlisted(machine->timing_decoder, harmless_instruction_size);
    }
    for (uint32_t id = 0; whole && id < machine->options.processor_count; id++) {
        struct cycle_meter *meter = meter_open(parameters);
        machine->processors[id].meter = meter;
        whole = meter != NULL && timing_shared_attach(machine->timing_shared, meter->core) == 0;
        if (whole) {
            meter_context(meter, 0, TIMING_PATH_INTERRUPT);
        }
    }
    return whole ? NATIVE_OK
                 : machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for the timing model");
}

void cycle_meters_close(struct machine *machine)
{
    for (uint32_t id = 0; id < PROCESSOR_LIMIT; id++) {
        meter_close(machine->processors[id].meter);
        machine->processors[id].meter = NULL;
    }
    if (machine->timing_shared != NULL) {
        timing_shared_close(machine->timing_shared);
    }
    timing_decoder_close(machine->timing_decoder);
}

static uint32_t partition_of(const struct virtual_processor *record)
{
    return record->id >= IDLE_ID_FIRST ? 0 : record->partition;
}

void meter_leave_to(struct physical_processor *processor, const struct virtual_processor *record)
{
    if (processor->meter != NULL) {
        meter_context(processor->meter, partition_of(record), TIMING_PATH_GUEST);
    }
}

/* A call by any instruction that is one; `vmcall` stands where it arrived. */
static bool is_hypercall(const struct physical_processor *processor,
                         const struct virtual_processor *record, uint64_t vector)
{
    if (vector == VECTOR_UNDEFINED) {
        return processor->engine != NULL && engine_at_vmcall(processor->engine);
    }
    return vector == (record->width == 32 ? (uint64_t)ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR
                                          : ENTRY_SYSCALL);
}

uint32_t entry_path(const struct physical_processor *processor,
                    const struct virtual_processor *record, uint64_t vector, bool user_mode)
{
    if (vector == ENTRY_TIMER || vector == ENTRY_KICK) {
        return TIMING_PATH_INTERRUPT;
    }
    return !user_mode && is_hypercall(processor, record, vector) ? TIMING_PATH_HYPERCALL
                                                                 : TIMING_PATH_TRAP;
}

void meter_enter(struct physical_processor *processor, const struct virtual_processor *record,
                 uint64_t vector, bool user_mode)
{
    if (processor->meter != NULL) {
        meter_context(processor->meter, partition_of(record),
                      entry_path(processor, record, vector, user_mode));
    }
}

void meter_charge(struct physical_processor *processor, uint32_t transition, uint64_t cycles)
{
    if (processor->meter != NULL) {
        (void)meter_transition(processor->meter, transition, cycles);
    }
}

void meter_load_root(struct physical_processor *processor, uint64_t root)
{
    if (processor->root != root) {
        processor->root = root;
        meter_charge(processor, TIMING_TRANSITION_FLUSH_ALL, 0);
    }
}

void meter_flush_translation(struct machine *machine, uint32_t partition, uint64_t address)
{
    bool all = address == TRANSLATION_ALL;
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        struct physical_processor *processor = &machine->processors[id];
        if (partition_of(processor->record) == partition) {
            meter_charge(processor,
                         all ? TIMING_TRANSITION_FLUSH_ALL : TIMING_TRANSITION_FLUSH_PAGE,
                         all ? 0 : address);
        }
    }
}

/* Part by part: the processors' cores, then the shared cache. NULL behind the last one. */
static uint8_t *state_part(const struct machine *machine, uint32_t part, uint64_t *size_bytes)
{
    uint32_t count = machine->options.processor_count;
    if (machine->timing_shared == NULL || part > count) {
        return NULL;
    }
    return part == count ? timing_shared_state(machine->timing_shared, size_bytes)
                         : timing_core_state(machine->processors[part].meter->core, size_bytes);
}

uint64_t cycle_state_size_bytes(const struct machine *machine)
{
    uint64_t total_bytes = 0;
    uint64_t size_bytes;
    for (uint32_t part = 0; state_part(machine, part, &size_bytes) != NULL; part++) {
        total_bytes += size_bytes;
    }
    return total_bytes;
}

void cycle_state_save(const struct machine *machine, uint8_t *bytes)
{
    uint64_t size_bytes;
    const uint8_t *state;
    for (uint32_t part = 0; (state = state_part(machine, part, &size_bytes)) != NULL; part++) {
        memcpy(bytes, state, size_bytes);
        bytes += size_bytes;
    }
}

void cycle_state_load(struct machine *machine, const uint8_t *bytes)
{
    uint64_t size_bytes;
    uint8_t *state;
    for (uint32_t part = 0; (state = state_part(machine, part, &size_bytes)) != NULL; part++) {
        memcpy(state, bytes, size_bytes);
        bytes += size_bytes;
    }
    for (uint32_t id = 0; id < PROCESSOR_LIMIT; id++) {
        struct cycle_meter *meter = machine->processors[id].meter;
        if (meter != NULL) {
            meter_drop(meter);
            meter->context = timing_core_context_now(meter->core);
        }
    }
}

uint64_t cycle_state_hash(const struct machine *machine)
{
    uint64_t size_bytes;
    uint64_t hash = 0;
    const uint8_t *state;
    for (uint32_t part = 0; (state = state_part(machine, part, &size_bytes)) != NULL; part++) {
        hash = memory_hash(state, size_bytes, hash);
    }
    return hash;
}

static struct cycle_meter *meter_of(struct machine *machine, uint32_t processor)
{
    return processor < PROCESSOR_LIMIT ? machine->processors[processor].meter : NULL;
}

static int fail_without_core(struct machine *machine)
{
    return machine_fail(machine, NATIVE_INVALID, "there is no such processor with a timed core");
}

int machine_timing_statistics(struct machine *machine, uint32_t processor, uint32_t partition,
                              uint32_t path, struct timing_statistics *statistics)
{
    const struct cycle_meter *meter = meter_of(machine, processor);
    memset(statistics, 0, sizeof *statistics);
    if (meter == NULL || partition >= PARTITION_LIMIT || path >= TIMING_PATH_COUNT) {
        return fail_without_core(machine);
    }
    timing_core_statistics(meter->core, partition * TIMING_PATH_COUNT + path, statistics);
    return NATIVE_OK;
}

int machine_timing_forget(struct machine *machine, uint32_t processor, uint32_t what)
{
    const struct cycle_meter *meter = meter_of(machine, processor);
    if (meter == NULL) {
        return fail_without_core(machine);
    }
    timing_core_forget(meter->core, what);
    return NATIVE_OK;
}

int machine_window_open(struct machine *machine, uint32_t processor, uint64_t first_instruction,
                        uint32_t instruction_count)
{
    struct cycle_meter *meter = meter_of(machine, processor);
    if (meter == NULL || instruction_count == 0 || instruction_count > WINDOW_LIMIT_INSTRUCTIONS) {
        return meter == NULL
                   ? fail_without_core(machine)
                   : machine_fail(machine, NATIVE_LIMIT, "a window has 1 to %u instructions",
                                  WINDOW_LIMIT_INSTRUCTIONS);
    }
    for (uint32_t id = 0; id < PROCESSOR_LIMIT; id++) {
        struct cycle_meter *other = machine->processors[id].meter;
        if (other != NULL && other->window != NULL) {
            timing_core_record(other->core, NULL, 0);
            cycle_window_close(other->window);
            other->window = NULL;
        }
    }
    meter->window = cycle_window_new(&machine->memory, first_instruction, instruction_count);
    return meter->window != NULL
               ? NATIVE_OK
               : machine_fail(machine, NATIVE_NO_MEMORY,
                              "no host memory for a window of %u instructions", instruction_count);
}

static const struct cycle_window *open_window(const struct machine *machine)
{
    for (uint32_t id = 0; id < PROCESSOR_LIMIT; id++) {
        const struct cycle_meter *meter = machine->processors[id].meter;
        if (meter != NULL && meter->window != NULL) {
            return meter->window;
        }
    }
    return NULL;
}

uint32_t machine_window_instructions(const struct machine *machine,
                                     const struct window_instruction **instructions)
{
    const struct cycle_window *window = open_window(machine);
    *instructions = NULL;
    return window == NULL ? 0 : cycle_window_instructions(window, instructions);
}

uint32_t machine_window_steps(const struct machine *machine, const struct timing_step **steps)
{
    const struct cycle_window *window = open_window(machine);
    *steps = NULL;
    return window == NULL ? 0 : cycle_window_steps(window, steps);
}
