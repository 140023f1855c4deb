/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The view from the boot on: a candidate in the host's own memory, checked as far as the monitor
 * relies on it, then copied to the body that is not in force and put in force. Called from
 * Python between two runs, when no processor is in the monitor.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "platform_host.h"
#include "view_writer.h"

static struct view_region *region_of(const struct machine *machine)
{
    return (struct view_region *)(void *)machine->memory.view_alias;
}

int machine_view_begin(struct machine *machine, uint8_t **body, uint64_t *size_bytes)
{
    if (!machine->booted || machine->failed) {
        return machine_fail(machine, NATIVE_STATE,
                            "only a booted machine that has not failed has "
                            "generations");
    }
    if (machine->candidate == NULL) {
        machine->candidate = malloc(sizeof *machine->candidate);
    }
    if (machine->candidate == NULL) {
        return machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for a view");
    }
    memcpy(machine->candidate, machine->view, sizeof *machine->candidate);
    machine->view_begun = true;
    *body = (uint8_t *)machine->candidate;
    *size_bytes = sizeof *machine->candidate;
    return NATIVE_OK;
}

static int check_counts(struct machine *machine, const struct view_body *body)
{
    if (body->processor_count != machine->options.processor_count ||
        body->clock_frequency_hz != machine->options.clock_frequency_hz) {
        return machine_fail(machine, NATIVE_INVALID,
                            "a view cannot change the processors or the clock of its machine");
    }
    if (body->virtual_processor_count > VIRTUAL_PROCESSOR_LIMIT ||
        body->extent_count > EXTENT_LIMIT || body->link_count > EVENT_LINK_LIMIT ||
        body->channel_count > CHANNEL_LIMIT || body->device_count > DEVICE_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT,
                            "a view has at most %d virtual processors, %d extents, %d links, "
                            "%d channels and %d devices",
                            VIRTUAL_PROCESSOR_LIMIT, EXTENT_LIMIT, EVENT_LINK_LIMIT, CHANNEL_LIMIT,
                            DEVICE_LIMIT);
    }
    return NATIVE_OK;
}

static int check_map(struct machine *machine, const struct view_body *body, uint32_t processor)
{
    const struct view_processor *map = &body->processors[processor];
    if (map->slot_count > SLOT_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "processor %u: at most %d slots", processor,
                            SLOT_LIMIT);
    }
    for (uint32_t index = 0; index < map->slot_count; index++) {
        const struct view_slot *slot = &map->slots[index];
        if (slot->quantum_cycles < QUANTUM_MINIMUM_CYCLES ||
            slot->quantum_cycles > UINT64_MAX / SLOT_LIMIT / 4) {
            return machine_fail(machine, NATIVE_LIMIT,
                                "processor %u, slot %u: a quantum is at least %d cycles", processor,
                                index, QUANTUM_MINIMUM_CYCLES);
        }
        if (slot->virtual_processor >= body->virtual_processor_count ||
            body->virtual_processors[slot->virtual_processor].processor != processor) {
            return machine_fail(machine, NATIVE_INVALID,
                                "processor %u, slot %u: virtual processor %u is not one of this "
                                "processor",
                                processor, index, slot->virtual_processor);
        }
    }
    return NATIVE_OK;
}

static int check_channel(struct machine *machine, const struct view_body *body, uint32_t row)
{
    const struct view_channel *channel = &body->channels[row];
    uint64_t frame_count = machine->device_first_frame;
    uint32_t first = channel->ends[0].partition;
    uint32_t second = channel->ends[1].partition;
    if (channel->state == VIEW_CHANNEL_unused) {
        return NATIVE_OK;
    }
    if (channel->state != VIEW_CHANNEL_mapped || first == second || first == 0 || second == 0 ||
        first >= PARTITION_LIMIT || second >= PARTITION_LIMIT) {
        return machine_fail(machine, NATIVE_INVALID,
                            "channel in row %u: it joins two partitions, not %u and %u", row, first,
                            second);
    }
    if (channel->frame_count == 0 || channel->machine_frame < machine->guest_first_frame ||
        channel->machine_frame > frame_count ||
        channel->frame_count > frame_count - channel->machine_frame) {
        return machine_fail(machine, NATIVE_INVALID,
                            "channel in row %u: its frames are not the machine's to give", row);
    }
    return NATIVE_OK;
}

static bool device_is_named_before(const struct view_body *body, uint32_t row)
{
    for (uint32_t earlier = 0; earlier < row; earlier++) {
        if (body->devices[earlier].id == body->devices[row].id) {
            return true;
        }
    }
    return false;
}

static int check_device(struct machine *machine, const struct view_body *body, uint32_t row)
{
    const struct view_device *device = &body->devices[row];
    if (device->id == 0) {
        return NATIVE_OK;
    }
    if (device->id > machine->devices.count || device_is_named_before(body, row)) {
        return machine_fail(machine, NATIVE_INVALID,
                            "device in row %u: the machine has no device %u, or another row has it",
                            row, device->id);
    }
    if (device->frame_count != 1 ||
        device->machine_frame != machine->device_first_frame + device->id - 1) {
        return machine_fail(machine, NATIVE_INVALID,
                            "device in row %u: the registers of device %u are the frame %#llx", row,
                            device->id,
                            (unsigned long long)(machine->device_first_frame + device->id - 1));
    }
    if (device->partition >= PARTITION_LIMIT || device->port >= EVENT_PORT_LIMIT ||
        (device->port != 0 && device->port < PORT_LINK_FIRST) ||
        (device->flags & ~(uint32_t)VIEW_DEVICE_ACTIVE) != 0) {
        return machine_fail(machine, NATIVE_INVALID,
                            "device in row %u: partition %u, port %u and flags %#x cannot be", row,
                            device->partition, device->port, device->flags);
    }
    return NATIVE_OK;
}

static int check_candidate(struct machine *machine, const struct view_body *body)
{
    int result = check_counts(machine, body);
    for (uint32_t id = 0; result == NATIVE_OK && id < body->processor_count; id++) {
        result = check_map(machine, body, id);
    }
    for (uint32_t row = 0; result == NATIVE_OK && row < body->channel_count; row++) {
        result = check_channel(machine, body, row);
    }
    for (uint32_t row = 0; result == NATIVE_OK && row < body->device_count; row++) {
        result = check_device(machine, body, row);
    }
    return result;
}

static void count_partitions(struct machine *machine)
{
    for (uint32_t id = machine->partition_count + 1; id < PARTITION_LIMIT; id++) {
        if (machine->view->partitions[id].kind != PARTITION_unused) {
            machine->partition_count = id;
        }
    }
}

/* The body of two generations ago: every processor reads the one in force at its next entry. */
int machine_view_publish(struct machine *machine, uint64_t *generation)
{
    if (!machine->view_begun || !machine->booted || machine->failed) {
        return machine_fail(machine, NATIVE_STATE, "no view has been begun");
    }
    int result = check_candidate(machine, machine->candidate);
    if (result != NATIVE_OK) {
        return result;
    }
    struct view_region *region = region_of(machine);
    struct view_body *body = &region->bodies[(region->generation + 1) % VIEW_BODY_COUNT];
    view_complete(machine->candidate);
    memcpy(body, machine->candidate, sizeof *body);
    region->generation++;
    machine->view = body;
    machine->view_generation = region->generation;
    machine->view_written = true;
    count_partitions(machine);
    devices_follow(machine);
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        host_kick(machine, id);
    }
    machine->view_begun = false;
    *generation = region->generation;
    return NATIVE_OK;
}

const uint8_t *machine_view_body(const struct machine *machine, uint64_t *size_bytes)
{
    *size_bytes = sizeof *machine->view;
    return (const uint8_t *)machine->view;
}

uint64_t machine_view_acknowledged(const struct machine *machine)
{
    return machine->booted ? machine->monitor->progress.acknowledged_generation : 0;
}

void view_reload(struct machine *machine)
{
    const struct view_region *region = region_of(machine);
    machine->view_generation = region->generation;
    machine->view = &region_of(machine)->bodies[machine->view_generation % VIEW_BODY_COUNT];
    machine->view_begun = false;
    count_partitions(machine);
}

static const struct frame *frame_at(const struct machine *machine, uint64_t frame)
{
    return (const struct frame *)(const void *)(machine->memory.base + FRAME_TABLE_ADDRESS) + frame;
}

static enum frame_use use_of(const struct machine *machine, uint64_t number)
{
    const struct frame *frame = frame_at(machine, number);
    if (number < machine->guest_first_frame) {
        return FRAME_USE_MONITOR;
    }
    if (frame->owner == FRAME_OWNER_FREE) {
        return FRAME_USE_FREE;
    }
    return frame->reference_count != 0 ? FRAME_USE_REFERENCED : FRAME_USE_OWNED;
}

int machine_frames_use(struct machine *machine, uint64_t first_frame, uint64_t frame_count)
{
    uint64_t limit = machine->memory.size_bytes / PAGE_SIZE_BYTES;
    enum frame_use use = FRAME_USE_FREE;
    if (first_frame > limit || frame_count > limit - first_frame) {
        return machine_fail(machine, NATIVE_INVALID, "frames %#llx to %#llx: the machine has %llu",
                            (unsigned long long)first_frame,
                            (unsigned long long)(first_frame + frame_count),
                            (unsigned long long)limit);
    }
    for (uint64_t index = 0; index < frame_count; index++) {
        enum frame_use one = use_of(machine, first_frame + index);
        use = one > use ? one : use;
    }
    return (int)use;
}

int machine_frames_scrub(struct machine *machine, uint64_t first_frame, uint64_t frame_count)
{
    int use = machine_frames_use(machine, first_frame, frame_count);
    if (use < 0) {
        return use;
    }
    if (use != FRAME_USE_FREE) {
        return machine_fail(machine, NATIVE_STATE, "only frames that nobody owns are scrubbed");
    }
    memset(machine->memory.base + first_frame * PAGE_SIZE_BYTES, 0, frame_count * PAGE_SIZE_BYTES);
    return NATIVE_OK;
}

uint64_t machine_first_frame(const struct machine *machine)
{
    return machine->guest_first_frame;
}
