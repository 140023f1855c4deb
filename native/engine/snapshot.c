/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of a whole host between two runs: in memory, restored by copying back only what
 * changed, and in a file. A snapshot holds machine memory (where the monitor keeps
 * everything it knows), the clocks, and the engines' state that the synchronisation leaves
 * outside machine memory. Queues of output already produced are not part of it.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "snapshot.h"

uint64_t options_hash(const struct machine *machine)
{
    const struct machine_options *options = &machine->options;
    uint64_t hash = mix64(options->memory_size_bytes ^ mix64(options->seed));
    hash = mix64(hash ^ options->clock_frequency_hz ^ mix64(options->interleave_cycles));
    hash = mix64(hash ^ options->processor_count ^ (uint64_t)options->monitor_build << 32);
    hash = mix64(hash ^ options->timing ^ (uint64_t)options->model << 8 ^
                 (uint64_t)options->clock << 32);
    hash = mix64(hash ^ options->device_frame_count ^ (uint64_t)machine->devices.count << 32);
    return mix64(hash ^ machine->boot_partition_count);
}

static void save_state(struct machine *machine, struct machine_state *state)
{
    machine_build(machine)->synchronise(machine);
    memset(state, 0, sizeof *state);
    state->magic = SNAPSHOT_MAGIC;
    state->version = SNAPSHOT_VERSION;
    state->options_hash = options_hash(machine);
    state->round_start = machine->round_start;
    state->round_end = machine->in_round ? machine->round_end : 0;
    state->turn = machine->turn;
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        state->work[id] = machine_work(machine, id);
    }
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        const struct physical_processor *processor = &machine->processors[id];
        struct processor_snapshot *saved = &state->processors[id];
        saved->clock = processor->clock;
        saved->deadline = processor->deadline;
        saved->guest_cycles = processor->guest_cycles;
        saved->machine_cycles = processor->machine_cycles;
        saved->idle_cycles = processor->idle_cycles;
        saved->kicked = processor->kicked;
        machine_build(machine)->save_processor(processor, saved->engine_state);
    }
}

static int load_state(struct machine *machine, const struct machine_state *state)
{
    view_reload(machine);
    int result = machine_build(machine)->follow_records(machine);
    if (result != NATIVE_OK) {
        return result;
    }
    machine->round_start = state->round_start;
    machine->round_end = state->round_end;
    machine->in_round = state->round_end != 0;
    machine->turn = state->turn;
    machine->hosted = (struct hosted_turn){0};
    for (uint32_t id = 0; id < VIRTUAL_PROCESSOR_LIMIT; id++) {
        machine_build(machine)->set_work(machine, id, state->work[id]);
    }
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        struct physical_processor *processor = &machine->processors[id];
        const struct processor_snapshot *saved = &state->processors[id];
        processor->clock = saved->clock;
        processor->deadline = saved->deadline;
        processor->guest_cycles = saved->guest_cycles;
        processor->machine_cycles = saved->machine_cycles;
        processor->idle_cycles = saved->idle_cycles;
        processor->kicked = saved->kicked != 0;
        machine_build(machine)->load_processor(processor, saved->engine_state);
    }
    machine_build(machine)->reload(machine);
    trace_forget(machine);
    return NATIVE_OK;
}

static bool is_zero(const uint8_t *bytes)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_SIZE_BYTES - 1) == 0;
}

/* The views' region can only be written through its alias. */
static uint8_t *writable_frame(struct machine *machine, uint64_t frame)
{
    uint64_t address = frame * PAGE_SIZE_BYTES;
    if (address - VIEW_REGION_ADDRESS < VIEW_REGION_SIZE_BYTES) {
        return machine->memory.view_alias + (address - VIEW_REGION_ADDRESS);
    }
    return machine->memory.base + address;
}

int snapshot_add_frame(struct machine_snapshot *snapshot, uint64_t frame, const uint8_t *bytes)
{
    if (snapshot->saved_count == snapshot->capacity) {
        uint64_t capacity = snapshot->capacity == 0 ? 1024 : snapshot->capacity * 2;
        struct saved_frame *frames = realloc(snapshot->frames, capacity * sizeof *frames);
        if (frames == NULL) {
            return NATIVE_NO_MEMORY;
        }
        snapshot->frames = frames;
        snapshot->capacity = capacity;
    }
    struct saved_frame *saved = &snapshot->frames[snapshot->saved_count++];
    saved->frame = frame;
    memcpy(saved->bytes, bytes, PAGE_SIZE_BYTES);
    snapshot->offsets[frame] = snapshot->saved_count;
    return NATIVE_OK;
}

struct machine_snapshot *snapshot_new(const struct machine *machine)
{
    struct machine_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot != NULL) {
        snapshot->frame_count = machine->memory.size_bytes / PAGE_SIZE_BYTES;
        snapshot->offsets = calloc(snapshot->frame_count, sizeof *snapshot->offsets);
        snapshot->cycle_state_size_bytes = cycle_state_size_bytes(machine);
        snapshot->cycle_state = malloc(snapshot->cycle_state_size_bytes + 1);
        if (snapshot->offsets == NULL || snapshot->cycle_state == NULL) {
            free(snapshot->offsets);
            free(snapshot->cycle_state);
            free(snapshot);
            snapshot = NULL;
        }
    }
    return snapshot;
}

static int copy_consoles(struct console *to, const struct console *from)
{
    for (uint32_t id = 0; id < PARTITION_LIMIT; id++) {
        uint8_t *bytes = NULL;
        if (from[id].input_size_bytes != 0) {
            bytes = malloc(from[id].input_size_bytes);
            if (bytes == NULL) {
                return NATIVE_NO_MEMORY;
            }
            memcpy(bytes, from[id].input, from[id].input_size_bytes);
        }
        free(to[id].input);
        to[id].input = bytes;
        to[id].input_size_bytes = from[id].input_size_bytes;
        to[id].incarnation = from[id].incarnation;
    }
    return NATIVE_OK;
}

static void free_inputs(struct input **inputs)
{
    while (*inputs != NULL) {
        struct input *next = (*inputs)->next;
        free((*inputs)->data);
        free(*inputs);
        *inputs = next;
    }
}

static int copy_inputs(struct input **to, const struct input *from)
{
    free_inputs(to);
    for (; from != NULL; from = from->next) {
        struct input *copy = malloc(sizeof *copy);
        uint8_t *data = malloc(from->size_bytes + 1u);
        if (copy == NULL || data == NULL) {
            free(copy);
            free(data);
            return NATIVE_NO_MEMORY;
        }
        *copy = *from;
        memcpy(data, from->data, from->size_bytes);
        copy->data = data;
        copy->next = NULL;
        *to = copy;
        to = &copy->next;
    }
    return NATIVE_OK;
}

int snapshot_check(struct machine *machine)
{
    if (!machine->booted || machine->failed) {
        return machine_fail(machine, NATIVE_STATE,
                            "only a booted machine that has not failed has "
                            "snapshots");
    }
    if (machine->hosted.partition != 0) {
        return machine_fail(machine, NATIVE_STATE,
                            "there is no snapshot while the program of partition %u has its turn",
                            machine->hosted.partition);
    }
    return NATIVE_OK;
}

static int save_memory(struct machine *machine, struct machine_snapshot *snapshot)
{
    uint64_t first;
    uint64_t last = 0;
    while (memory_next_run(&machine->memory, &first, &last)) {
        for (uint64_t frame = first; frame < last; frame++) {
            const uint8_t *bytes = machine->memory.base + frame * PAGE_SIZE_BYTES;
            if (!is_zero(bytes) && snapshot_add_frame(snapshot, frame, bytes) != NATIVE_OK) {
                return NATIVE_NO_MEMORY;
            }
        }
    }
    return NATIVE_OK;
}

static int save_devices(const struct machine *machine, struct machine_snapshot *snapshot)
{
    snapshot->devices_size_bytes = devices_save(machine, NULL, 0);
    snapshot->devices = malloc(snapshot->devices_size_bytes);
    if (snapshot->devices == NULL) {
        return NATIVE_NO_MEMORY;
    }
    (void)devices_save(machine, snapshot->devices, snapshot->devices_size_bytes);
    return NATIVE_OK;
}

int snapshot_fill(struct machine *machine, struct machine_snapshot *snapshot)
{
    save_state(machine, &snapshot->state);
    cycle_state_save(machine, snapshot->cycle_state);
    int result = save_devices(machine, snapshot);
    if (result == NATIVE_OK) {
        result = save_memory(machine, snapshot);
    }
    if (result == NATIVE_OK) {
        result = copy_consoles(snapshot->consoles, machine->consoles);
    }
    return result == NATIVE_OK ? copy_inputs(&snapshot->inputs, machine->inputs) : result;
}

static int fail_to_snapshot(struct machine *machine, int code)
{
    return code == NATIVE_LIMIT
               ? machine_fail(machine, code, "%u machines of this process have snapshots already",
                              TRACKED_LIMIT)
               : machine_fail(machine, code, "no host memory for a snapshot");
}

int machine_snapshot_take(struct machine *machine, struct machine_snapshot **result)
{
    int code = snapshot_check(machine);
    if (code != NATIVE_OK) {
        return code;
    }
    struct machine_snapshot *snapshot = snapshot_new(machine);
    code = snapshot == NULL ? NATIVE_NO_MEMORY : snapshot_fill(machine, snapshot);
    if (code == NATIVE_OK) {
        code = memory_track(&machine->memory);
    }
    if (code != NATIVE_OK) {
        machine_snapshot_free(machine, snapshot);
        return fail_to_snapshot(machine, code);
    }
    machine->tracked = snapshot;
    machine->view_written = false;
    *result = snapshot;
    return NATIVE_OK;
}

static void restore_frame(struct machine *machine, const struct machine_snapshot *snapshot,
                          uint64_t frame)
{
    uint64_t offset = snapshot->offsets[frame];
    const uint8_t *now = machine->memory.base + frame * PAGE_SIZE_BYTES;
    if (offset != 0) {
        const uint8_t *then = snapshot->frames[offset - 1].bytes;
        if (memcmp(now, then, PAGE_SIZE_BYTES) != 0) {
            memcpy(writable_frame(machine, frame), then, PAGE_SIZE_BYTES);
        }
    } else if (!is_zero(now)) {
        memset(writable_frame(machine, frame), 0, PAGE_SIZE_BYTES);
    }
}

/* Tracking began at this very snapshot: only what was written since. */
static void restore_dirty(struct machine *machine, const struct machine_snapshot *snapshot)
{
    for (uint64_t frame = 0; frame < snapshot->frame_count; frame++) {
        if (memory_is_dirty(&machine->memory, frame)) {
            restore_frame(machine, snapshot, frame);
        }
    }
    for (uint64_t at = 0; machine->view_written && at < VIEW_REGION_SIZE_BYTES;
         at += PAGE_SIZE_BYTES) {
        restore_frame(machine, snapshot, (VIEW_REGION_ADDRESS + at) / PAGE_SIZE_BYTES);
    }
}

/* What is touched now, and what was then: a frame may be untouched memory in either. */
static void restore_all(struct machine *machine, const struct machine_snapshot *snapshot)
{
    uint64_t first;
    uint64_t last = 0;
    while (memory_next_run(&machine->memory, &first, &last)) {
        for (uint64_t frame = first; frame < last; frame++) {
            restore_frame(machine, snapshot, frame);
        }
    }
    for (uint64_t index = 0; index < snapshot->saved_count; index++) {
        restore_frame(machine, snapshot, snapshot->frames[index].frame);
    }
}

/* Ports to the outside are no machine's option: a frame that is to come needs the one it is for. */
static int check_outsides(struct machine *machine, const struct machine_snapshot *snapshot)
{
    for (const struct input *input = snapshot->inputs; input != NULL; input = input->next) {
        if (input->medium != 0 && machine->devices.outsides[input->medium - 1].medium == NULL) {
            return machine_fail(machine, NATIVE_STATE,
                                "the snapshot has frames to come from the outside of switch %u, "
                                "to which this machine has no port",
                                input->medium - 1);
        }
    }
    return NATIVE_OK;
}

int machine_snapshot_restore(struct machine *machine, struct machine_snapshot *snapshot)
{
    if (!machine->booted || snapshot->state.options_hash != options_hash(machine)) {
        return machine_fail(machine, NATIVE_STATE, "the snapshot is of another machine");
    }
    int result = check_outsides(machine, snapshot);
    if (result != NATIVE_OK) {
        return result;
    }
    if (machine->tracked == snapshot) {
        restore_dirty(machine, snapshot);
    } else {
        restore_all(machine, snapshot);
    }
    machine->view_written = false;
    result = load_state(machine, &snapshot->state);
    if (result != NATIVE_OK) {
        return result; /* with its sentence */
    }
    cycle_state_load(machine, snapshot->cycle_state);
    if (!devices_load(machine, snapshot->devices, snapshot->devices_size_bytes)) {
        machine->failed = true;
        machine->failure = EXIT_ENGINE_FAILURE;
        return machine_fail(machine, NATIVE_STATE, "the snapshot is of other devices");
    }
    machine->failed = false;
    result = copy_consoles(machine->consoles, snapshot->consoles);
    if (result == NATIVE_OK) {
        result = copy_inputs(&machine->inputs, snapshot->inputs);
    }
    if (result == NATIVE_OK) {
        result = memory_track(&machine->memory);
    }
    machine->tracked = result == NATIVE_OK ? snapshot : NULL;
    return result == NATIVE_OK ? result : fail_to_snapshot(machine, result);
}

void machine_snapshot_free(struct machine *machine, struct machine_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    if (machine->tracked == snapshot) {
        memory_untrack(&machine->memory);
        machine->tracked = NULL;
    }
    for (uint32_t id = 0; id < PARTITION_LIMIT; id++) {
        free(snapshot->consoles[id].input);
    }
    free_inputs(&snapshot->inputs);
    free(snapshot->offsets);
    free(snapshot->cycle_state);
    free(snapshot->devices);
    free(snapshot->frames);
    free(snapshot);
}

uint64_t machine_dirty_frames(struct machine *machine)
{
    uint64_t count = 0;
    for (uint64_t frame = 0;
         machine->memory.dirty != NULL && frame < machine->memory.size_bytes / PAGE_SIZE_BYTES;
         frame++) {
        count += memory_is_dirty(&machine->memory, frame);
    }
    return count;
}
