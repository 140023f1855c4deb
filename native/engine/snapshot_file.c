/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots in a file: state, unread console input, pending input, frames that are not zero,
 * and a checksum over all of it. Such a file contains the monitor's own memory, so it is
 * trusted as much as the program itself; what is checked is that it is whole, and of a
 * machine with these options.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "snapshot.h"

#define INPUT_LIMIT_BYTES (1u << 20)

struct stream {
    FILE *file;
    uint64_t checksum;
    bool failed;
};

struct input_header {
    uint64_t at_cycles;
    uint32_t partition;
    uint32_t medium;
    uint32_t size_bytes;
    uint32_t reserved0;
};

static void fold(struct stream *stream, const void *data, uint64_t size_bytes)
{
    uint8_t rest[8] = {0};
    uint64_t whole = size_bytes / 8 * 8;
    stream->checksum = memory_hash(data, whole, stream->checksum);
    memcpy(rest, (const uint8_t *)data + whole, size_bytes - whole);
    stream->checksum = memory_hash(rest, sizeof rest, stream->checksum);
}

static void put(struct stream *stream, const void *data, uint64_t size_bytes)
{
    if (size_bytes != 0 && !stream->failed) {
        stream->failed = fwrite(data, size_bytes, 1, stream->file) != 1;
        fold(stream, data, size_bytes);
    }
}

static bool get(struct stream *stream, void *data, uint64_t size_bytes)
{
    if (size_bytes != 0 && !stream->failed) {
        stream->failed = fread(data, size_bytes, 1, stream->file) != 1;
        if (!stream->failed) {
            fold(stream, data, size_bytes);
        }
    }
    return !stream->failed;
}

static void put_input(struct stream *stream, const struct input *input)
{
    struct input_header header = {input->at_cycles, input->partition, input->medium,
                                  input->size_bytes, 0};
    put(stream, &header, sizeof header);
    put(stream, input->data, input->size_bytes);
}

/* What a partition has not read, in the form of input. */
static void put_console(struct stream *stream, const struct console *console, uint32_t partition)
{
    const struct input unread = {
        .at_cycles = console->incarnation,
        .partition = partition,
        .size_bytes = console->input_size_bytes,
        .data = console->input,
    };
    put_input(stream, &unread);
}

static void put_all(struct stream *stream, const struct machine_snapshot *snapshot)
{
    uint64_t input_count = 0;
    for (const struct input *input = snapshot->inputs; input != NULL; input = input->next) {
        input_count++;
    }
    put(stream, &snapshot->state, sizeof snapshot->state);
    put(stream, snapshot->cycle_state, snapshot->cycle_state_size_bytes);
    for (uint32_t id = 0; id < PARTITION_LIMIT; id++) {
        put_console(stream, &snapshot->consoles[id], id);
    }
    put(stream, &input_count, sizeof input_count);
    for (const struct input *input = snapshot->inputs; input != NULL; input = input->next) {
        put_input(stream, input);
    }
    put(stream, &snapshot->devices_size_bytes, sizeof snapshot->devices_size_bytes);
    put(stream, snapshot->devices, snapshot->devices_size_bytes);
    put(stream, &snapshot->saved_count, sizeof snapshot->saved_count);
    for (uint64_t index = 0; index < snapshot->saved_count; index++) {
        put(stream, &snapshot->frames[index], sizeof snapshot->frames[index]);
    }
    uint64_t checksum = stream->checksum;
    put(stream, &checksum, sizeof checksum);
}

int machine_snapshot_write(struct machine *machine, const char *path)
{
    int result = snapshot_check(machine);
    if (result != NATIVE_OK) {
        return result;
    }
    struct machine_snapshot *snapshot = snapshot_new(machine);
    if (snapshot == NULL || snapshot_fill(machine, snapshot) != NATIVE_OK) {
        machine_snapshot_free(machine, snapshot);
        return machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for a snapshot");
    }
    struct stream stream = {fopen(path, "wb"), 0, false};
    if (stream.file == NULL) {
        result = machine_fail(machine, NATIVE_FILE, "%s: %s", path, strerror(errno));
    } else {
        put_all(&stream, snapshot);
        if (fclose(stream.file) != 0 || stream.failed) {
            result = machine_fail(machine, NATIVE_FILE, "%s: could not be written whole", path);
        }
    }
    machine_snapshot_free(machine, snapshot);
    return result;
}

static struct input *get_input(struct stream *stream)
{
    struct input_header header;
    if (!get(stream, &header, sizeof header) || header.partition >= PARTITION_LIMIT ||
        header.medium > DEVICE_LIMIT || header.size_bytes > INPUT_LIMIT_BYTES) {
        stream->failed = true;
        return NULL;
    }
    struct input *input = calloc(1, sizeof *input);
    uint8_t *data = malloc(header.size_bytes + 1u);
    if (input == NULL || data == NULL || !get(stream, data, header.size_bytes)) {
        free(input);
        free(data);
        stream->failed = true;
        return NULL;
    }
    input->at_cycles = header.at_cycles;
    input->partition = header.partition;
    input->medium = header.medium;
    input->size_bytes = header.size_bytes;
    input->data = data;
    return input;
}

static void get_consoles(struct stream *stream, struct machine_snapshot *snapshot)
{
    for (uint32_t id = 0; id < PARTITION_LIMIT && !stream->failed; id++) {
        struct input *input = get_input(stream);
        if (input != NULL) {
            snapshot->consoles[id].input = input->data;
            snapshot->consoles[id].input_size_bytes = input->size_bytes;
            snapshot->consoles[id].incarnation = (uint32_t)input->at_cycles;
            free(input);
        }
    }
}

static void get_inputs(struct stream *stream, struct machine_snapshot *snapshot)
{
    uint64_t count = 0;
    struct input **place = &snapshot->inputs;
    (void)get(stream, &count, sizeof count);
    for (; count > 0 && !stream->failed; count--) {
        *place = get_input(stream);
        if (*place != NULL) {
            place = &(*place)->next;
        }
    }
}

static void get_devices(struct stream *stream, struct machine_snapshot *snapshot)
{
    uint64_t size_bytes = 0;
    if (!get(stream, &size_bytes, sizeof size_bytes)) {
        return;
    }
    snapshot->devices = size_bytes < SIZE_MAX / 2 ? malloc(size_bytes + 1) : NULL;
    if (snapshot->devices == NULL || !get(stream, snapshot->devices, size_bytes)) {
        stream->failed = true;
        return;
    }
    snapshot->devices_size_bytes = size_bytes;
}

static void get_frames(struct stream *stream, struct machine_snapshot *snapshot)
{
    uint64_t count = 0;
    struct saved_frame saved;
    (void)get(stream, &count, sizeof count);
    for (; count > 0 && get(stream, &saved, sizeof saved); count--) {
        if (saved.frame >= snapshot->frame_count ||
            snapshot_add_frame(snapshot, saved.frame, saved.bytes) != NATIVE_OK) {
            stream->failed = true;
        }
    }
}

static int get_all(struct machine *machine, const char *path, struct stream *stream,
                   struct machine_snapshot *snapshot)
{
    if (!get(stream, &snapshot->state, sizeof snapshot->state) ||
        snapshot->state.magic != SNAPSHOT_MAGIC || snapshot->state.version != SNAPSHOT_VERSION) {
        return machine_fail(machine, NATIVE_FILE, "%s: not a snapshot of this version", path);
    }
    if (snapshot->state.options_hash != options_hash(machine)) {
        return machine_fail(machine, NATIVE_STATE, "the snapshot is of another machine");
    }
    (void)get(stream, snapshot->cycle_state, snapshot->cycle_state_size_bytes);
    get_consoles(stream, snapshot);
    get_inputs(stream, snapshot);
    get_devices(stream, snapshot);
    get_frames(stream, snapshot);
    uint64_t expected = stream->checksum;
    uint64_t checksum = 0;
    if (!get(stream, &checksum, sizeof checksum) || checksum != expected) {
        return machine_fail(machine, NATIVE_FILE, "%s: truncated or damaged", path);
    }
    return NATIVE_OK;
}

int machine_snapshot_read(struct machine *machine, const char *path)
{
    struct stream stream = {fopen(path, "rb"), 0, false};
    if (stream.file == NULL) {
        return machine_fail(machine, NATIVE_FILE, "%s: %s", path, strerror(errno));
    }
    struct machine_snapshot *snapshot = snapshot_new(machine);
    int result = snapshot == NULL
                     ? machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for a snapshot")
                     : get_all(machine, path, &stream, snapshot);
    (void)fclose(stream.file);
    if (result == NATIVE_OK) {
        result = machine_snapshot_restore(machine, snapshot);
    }
    machine_snapshot_free(machine, snapshot);
    return result;
}
