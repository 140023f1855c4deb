/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The face of a machine towards Python: creation, boot, statistics. Everything here is
 * between two runs (run.c), never inside one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "platform_host.h"
#include "view_writer.h"

#define MEBIBYTE (1024ull * 1024ull)
#define LARGE_PAGE_SIZE_BYTES (2 * MEBIBYTE)

static _Thread_local char create_error[512];

int machine_fail(struct machine *machine, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(machine->error, sizeof machine->error, format, arguments);
    va_end(arguments);
    return code;
}

const char *machine_error(const struct machine *machine)
{
    return machine == NULL ? create_error : machine->error;
}

const struct build_operations *machine_build(const struct machine *machine)
{
    return machine->options.monitor_build == MONITOR_NATIVE ? &native_build : &simulated_build;
}

static int check_options(struct machine *machine)
{
    const struct machine_options *options = &machine->options;
    if (options->memory_size_bytes < MACHINE_MEMORY_MINIMUM_MIB * MEBIBYTE ||
        options->memory_size_bytes > MACHINE_MEMORY_MAXIMUM_MIB * MEBIBYTE ||
        options->memory_size_bytes % LARGE_PAGE_SIZE_BYTES != 0) {
        return machine_fail(machine, NATIVE_LIMIT,
                            "machine memory must be %d to %d MiB, a multiple of 2 MiB",
                            MACHINE_MEMORY_MINIMUM_MIB, MACHINE_MEMORY_MAXIMUM_MIB);
    }
    if (options->processor_count < 1 || options->processor_count > PROCESSOR_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "a machine has 1 to %d processors",
                            PROCESSOR_LIMIT);
    }
    bool is_core = timing_core_at(options->timing - TIMING_SKYLAKE) != NULL;
    if (options->monitor_build > MONITOR_SIMULATED || (options->timing > TIMING_UNIT && !is_core) ||
        options->clock > CLOCK_MACHINE || options->interleave_cycles == 0 ||
        options->clock_frequency_hz == 0) {
        return machine_fail(machine, NATIVE_INVALID, "an option of the machine has no such value");
    }
    if ((options->model != 0 && !is_core) || options->model >= 2 * MODEL_RSB ||
        (options->model & (MODEL_GLOBAL | MODEL_KPTI)) == (MODEL_GLOBAL | MODEL_KPTI)) {
        return machine_fail(machine, NATIVE_INVALID,
                            "a model has bits of enum machine_model, not both global and kpti, "
                            "and a cycle-level core");
    }
    if (options->device_frame_count > DEVICE_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "a machine has at most %d devices",
                            DEVICE_LIMIT);
    }
    if (options->check_refusals > 1 ||
        (options->check_refusals != 0 && options->monitor_build != MONITOR_NATIVE)) {
        return machine_fail(machine, NATIVE_INVALID,
                            "only the native monitor's refusals can be checked");
    }
    return NATIVE_OK;
}

static int prepare(struct machine *machine)
{
    int result = check_options(machine);
    if (result != NATIVE_OK) {
        return result;
    }
    const struct machine_options *options = &machine->options;
    if (memory_create(&machine->memory, options->memory_size_bytes) != NATIVE_OK) {
        return machine_fail(machine, NATIVE_NO_MEMORY,
                            "no host memory for %llu MiB of machine memory",
                            (unsigned long long)(options->memory_size_bytes / MEBIBYTE));
    }
    machine->monitor = (struct monitor *)(void *)(machine->memory.base + MONITOR_STATE_ADDRESS);
    machine->costs = costs_of(options);
    machine->observed = options->check_refusals != 0;
    machine->timing = options->timing == TIMING_OFF    ? &timing_off
                      : options->timing == TIMING_UNIT ? &timing_unit
                                                       : &timing_cycles;
    for (uint32_t id = 0; id < PROCESSOR_LIMIT; id++) {
        machine->processors[id].machine = machine;
        machine->processors[id].id = id;
        machine->processors[id].deadline = TIME_NEVER;
    }
    uint64_t frame_count = options->memory_size_bytes / PAGE_SIZE_BYTES;
    uint64_t frame_table_end = FRAME_TABLE_ADDRESS + frame_count * sizeof(struct frame);
    machine->guest_first_frame = (frame_table_end + PAGE_SIZE_BYTES - 1) / PAGE_SIZE_BYTES;
    machine->next_free_frame = machine->guest_first_frame;
    machine->device_first_frame = frame_count - options->device_frame_count;
    devices_open(machine);
    result = options->timing < TIMING_SKYLAKE ? NATIVE_OK : cycle_meters_open(machine);
    return result == NATIVE_OK ? view_open(machine) : result;
}

int machine_create(const struct machine_options *options, struct machine **result)
{
    struct machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        (void)snprintf(create_error, sizeof create_error, "no host memory for a machine");
        return NATIVE_NO_MEMORY;
    }
    machine->options = *options;
    machine->memory.descriptor = -1;
    int code = prepare(machine);
    if (code != NATIVE_OK) {
        memcpy(create_error, machine->error, sizeof create_error);
        machine_destroy(machine);
        return code;
    }
    *result = machine;
    return NATIVE_OK;
}

void machine_destroy(struct machine *machine)
{
    if (machine == NULL) {
        return;
    }
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        engine_close(machine->engines[id]);
    }
    cycle_meters_close(machine);
    devices_close(machine);
    while (machine->inputs != NULL) {
        struct input *next = machine->inputs->next;
        free(machine->inputs->data);
        free(machine->inputs);
        machine->inputs = next;
    }
    for (uint32_t id = 0; id < PARTITION_LIMIT; id++) {
        free(machine->consoles[id].input);
    }
    free(machine->candidate);
    queue_free(&machine->console_queue);
    queue_free(&machine->log_queue);
    queue_free(&machine->mark_queue);
    queue_free(&machine->trace_queue);
    memory_destroy(&machine->memory);
    free(machine);
}

int machine_monitor_load(struct machine *machine, const uint8_t *image, uint64_t size_bytes,
                         uint64_t entry_address)
{
    uint64_t offset = entry_address - MONITOR_DIRECT_ADDRESS - MONITOR_IMAGE_ADDRESS;
    if (size_bytes > MONITOR_IMAGE_SIZE_BYTES || offset >= size_bytes) {
        return machine_fail(machine, NATIVE_INVALID, "the monitor's image does not fit its place");
    }
    memcpy(machine->memory.base + MONITOR_IMAGE_ADDRESS, image, size_bytes);
    machine->monitor_entry = entry_address;
    return NATIVE_OK;
}

static int check_boot(struct machine *machine)
{
    if (machine->booted) {
        return machine_fail(machine, NATIVE_STATE, "the machine has booted already");
    }
    if (machine->options.monitor_build == MONITOR_SIMULATED && machine->monitor_entry == 0) {
        return machine_fail(machine, NATIVE_STATE, "no simulated monitor has been loaded");
    }
    return NATIVE_OK;
}

int machine_boot(struct machine *machine)
{
    int result = check_boot(machine);
    if (result != NATIVE_OK) {
        return result;
    }
    firmware_prepare(machine);
    view_publish_first(machine);
    platform_enter(machine);
    machine->booted = true;
    if (setjmp(machine->panic) != 0) {
        return NATIVE_ENGINE;
    }
    result = machine_build(machine)->boot(machine);
    machine->failed = result != NATIVE_OK;
    machine->failure = EXIT_ENGINE_FAILURE;
    return result;
}

/* Through a word that the monitor reads when it is kicked: the same for both builds. */
int machine_partition_stop(struct machine *machine, uint32_t partition)
{
    if (!machine->booted || partition == 0 || partition > machine->partition_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no running partition %u", partition);
    }
    machine->monitor->stop_request = partition;
    machine->processors[0].kicked = true;
    return NATIVE_OK;
}

int machine_processor_statistics(struct machine *machine, uint32_t id,
                                 struct processor_statistics *statistics)
{
    if (id >= machine->options.processor_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no processor %u", id);
    }
    const struct physical_processor *processor = &machine->processors[id];
    statistics->guest_cycles = processor->guest_cycles;
    statistics->machine_cycles = processor->machine_cycles;
    statistics->idle_cycles = processor->idle_cycles;
    statistics->clock_cycles = processor->clock;
    statistics->switches = machine->monitor->processors[id].switches;
    statistics->virtual_processor = machine->monitor->processors[id].current;
    return NATIVE_OK;
}

/* Numbers of virtual processors are used again: what an earlier one did is not the new one's. */
uint64_t machine_work(const struct machine *machine, uint32_t virtual_processor)
{
    uint64_t key = record_key(machine, virtual_processor);
    if (machine->options.monitor_build == MONITOR_NATIVE) {
        const struct engine *engine = machine->engines[virtual_processor];
        return engine == NULL || engine->key != key ? 0 : engine_work(engine);
    }
    return machine->work_keys[virtual_processor] == key
               ? machine->virtual_processor_work[virtual_processor]
               : 0;
}

static void copy_stop(struct partition_statistics *statistics, const struct stop_record *stop)
{
    statistics->stop_reason = stop->reason;
    statistics->stop_vector = stop->vector;
    statistics->stop_error_code = stop->error_code;
    statistics->stop_rip = stop->rip;
    statistics->stop_address = stop->address;
    statistics->exit_code = stop->exit_code;
    memcpy(statistics->stop_text, stop->text, sizeof statistics->stop_text - 1);
}

int machine_partition_statistics(struct machine *machine, uint32_t id,
                                 struct partition_statistics *statistics)
{
    if (!machine->booted || id == 0 || id > machine->partition_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no booted partition %u", id);
    }
    const struct partition *partition = &machine->monitor->partitions[id];
    const struct partition_counters *counters = &partition->counters;
    memset(statistics, 0, sizeof *statistics);
    machine_build(machine)->synchronise(machine); /* the work of what runs */
    statistics->state = partition->state;
    copy_stop(statistics, &partition->stop);
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        statistics->work += machine_work(machine, partition->first_virtual_processor + index);
    }
    statistics->events_sent = counters->events_sent;
    statistics->events_delivered = counters->events_delivered;
    statistics->system_calls = counters->system_calls;
    memcpy(statistics->hypercalls, counters->hypercalls, sizeof counters->hypercalls);
    memcpy(statistics->traps, counters->traps, sizeof counters->traps);
    return NATIVE_OK;
}
