/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Canonical hashes: equal states give equal hashes whatever the build, the path to the
 * state or what has been touched. Left out: L4 slots of the monitor, descriptor tables, the
 * monitor's own text, and counters that only people read.
 */
#include <string.h>

#include "machine.h"

/* What of a record a guest can tell, in one flat structure without padding. */
struct canonical_record {
    uint64_t general[15];
    uint64_t rip, rflags, rsp;
    uint64_t fs_base, gs_base, gs_base_other, selectors;
    uint64_t kernel_root_frame, user_root_frame, kernel_stack_top;
    uint64_t descriptors[DESCRIPTOR_LIMIT];
    uint64_t callbacks[CALLBACK_COUNT];
    uint64_t timer_deadline_cycles, debt_cycles;
    uint32_t state, user_mode;
    uint8_t floating_point[512];
};

static uint64_t hash_record(const struct virtual_processor *record)
{
    struct canonical_record canonical;
    const struct registers *registers = &record->registers;
    memset(&canonical, 0, sizeof canonical);
    memcpy(canonical.general, registers, sizeof canonical.general);
    canonical.rip = registers->rip;
    canonical.rflags = registers->rflags;
    canonical.rsp = registers->rsp;
    canonical.fs_base = record->fs_base;
    canonical.gs_base = record->gs_base;
    canonical.gs_base_other = record->gs_base_other;
    canonical.selectors = record->selectors;
    canonical.kernel_root_frame = record->kernel_root_frame;
    canonical.user_root_frame = record->user_root_frame;
    canonical.kernel_stack_top = record->kernel_stack_top;
    memcpy(canonical.descriptors, record->descriptors, sizeof canonical.descriptors);
    memcpy(canonical.callbacks, record->callbacks, sizeof canonical.callbacks);
    canonical.timer_deadline_cycles = record->timer_deadline_cycles;
    canonical.debt_cycles = record->debt_cycles;
    canonical.state = record->state;
    canonical.user_mode = record->user_mode;
    /* What is behind the state says where the lazy entry path has it. */
    memcpy(canonical.floating_point, record->floating_point, FLOATING_POINT_STATE_SIZE_BYTES);
    return memory_hash(&canonical, sizeof canonical, record->index);
}

static const struct frame *frame_table(const struct machine *machine)
{
    return (const struct frame *)(const void *)(machine->memory.base + FRAME_TABLE_ADDRESS);
}

/* Zero for a frame of zeros, so that touched and untouched memory are the same. */
static uint64_t hash_frame(const struct machine *machine, uint64_t frame, uint64_t position)
{
    const uint8_t *bytes = machine->memory.base + frame * PAGE_SIZE_BYTES;
    uint8_t table[PAGE_SIZE_BYTES];
    if (frame_table(machine)[frame].type == FRAME_TABLE_4) {
        memcpy(table, bytes, sizeof table);
        memset(table + MONITOR_SLOT_FIRST * 8, 0, MONITOR_SLOT_COUNT * 8);
        bytes = table;
    }
    if (bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_SIZE_BYTES - 1) == 0) {
        return 0;
    }
    return memory_hash(bytes, PAGE_SIZE_BYTES, mix64(position));
}

/* Frames add up, so that the order of extents does not matter and holes cost nothing. */
static uint64_t hash_run(const struct machine *machine, uint32_t owner, uint64_t machine_frame,
                         uint64_t frame_count, uint64_t guest_frame)
{
    uint64_t limit = machine->memory.size_bytes / PAGE_SIZE_BYTES;
    uint64_t sum = 0;
    uint64_t first;
    uint64_t last = machine_frame;
    if (machine_frame > limit || frame_count > limit - machine_frame) {
        return 0; /* the view is wrong about it */
    }
    uint64_t end = machine_frame + frame_count;
    while (last < end && memory_next_run(&machine->memory, &first, &last)) {
        for (uint64_t frame = first; frame < last && frame < end; frame++) {
            if (frame_table(machine)[frame].owner == owner) {
                sum += hash_frame(machine, frame, guest_frame + frame - machine_frame);
            }
        }
    }
    return sum;
}

/* A channel is both ends': each has it where its own guest-physical memory does. */
static uint64_t hash_channels(const struct machine *machine, uint32_t id)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < machine->view->channel_count; row++) {
        const struct view_channel *channel = &machine->view->channels[row];
        for (uint32_t side = 0; side < VIEW_CHANNEL_END_COUNT; side++) {
            if (channel->state == VIEW_CHANNEL_mapped && channel->ends[side].partition == id) {
                sum += hash_run(machine, FRAME_OWNER_CHANNEL + row, channel->machine_frame,
                                channel->frame_count, channel->ends[side].guest_frame);
            }
        }
    }
    return sum;
}

uint64_t hash_memory(const struct machine *machine, uint32_t id)
{
    const struct view_partition *partition = &machine->view->partitions[id];
    uint64_t sum = hash_channels(machine, id);
    for (uint32_t index = 0; index < partition->extent_count && index < PARTITION_EXTENT_LIMIT &&
                             partition->first_extent < EXTENT_LIMIT - index;
         index++) {
        const struct view_extent *extent = &machine->view->extents[partition->first_extent + index];
        sum +=
            hash_run(machine, id, extent->machine_frame, extent->frame_count, extent->guest_frame);
    }
    return sum;
}

static uint64_t hash_partition(const struct machine *machine, uint32_t id)
{
    const struct partition *partition = &machine->monitor->partitions[id];
    uint64_t hash = hash_memory(machine, id);
    for (uint32_t index = 0; index < partition->virtual_processor_count; index++) {
        uint32_t record = partition->first_virtual_processor + index;
        hash = mix64(hash ^ hash_record(&machine->monitor->virtual_processors[record]));
        hash = mix64(hash ^ machine_work(machine, record));
    }
    hash = mix64(hash ^ memory_hash(partition->trap_handlers, sizeof partition->trap_handlers, id));
    hash = mix64(hash ^ memory_hash(&partition->stop, sizeof partition->stop, id));
    if (partition->watchdog_deadline_cycles != 0) {
        hash = mix64(hash ^ partition->watchdog_deadline_cycles);
    }
    return mix64(hash ^ partition->state);
}

uint64_t machine_partition_hash(struct machine *machine, uint32_t id)
{
    if (!machine->booted || id == 0 || id > machine->partition_count) {
        return 0;
    }
    machine_build(machine)->synchronise(machine);
    return hash_partition(machine, id);
}

uint64_t machine_state_hash(struct machine *machine)
{
    uint64_t hash = mix64(machine->options.processor_count);
    if (!machine->booted) {
        return 0;
    }
    machine_build(machine)->synchronise(machine);
    for (uint32_t id = 1; id <= machine->partition_count; id++) {
        if (machine->monitor->partitions[id].state != PARTITION_ABSENT) {
            hash = mix64(hash ^ hash_partition(machine, id));
        }
    }
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        const struct physical_processor *processor = &machine->processors[id];
        hash = mix64(hash ^ processor->clock);
        hash = mix64(hash ^ processor->guest_cycles);
        hash = mix64(hash ^ processor->idle_cycles);
    }
    if (machine->devices.count != 0) {
        hash = mix64(hash ^ devices_hash(machine));
    }
    return machine->timing_shared == NULL ? hash : mix64(hash ^ cycle_state_hash(machine));
}

static uint64_t kernel_root(const struct virtual_processor *record)
{
    return record->width == 32 ? record->root_address : record->kernel_root_frame << PAGE_SHIFT;
}

uint64_t machine_guest_read(struct machine *machine, uint32_t id, uint64_t address, uint8_t *buffer,
                            uint64_t size_bytes)
{
    uint64_t done = 0;
    if (!machine->booted || id == 0 || id > machine->partition_count) {
        return 0;
    }
    const struct partition *partition = &machine->monitor->partitions[id];
    uint64_t root =
        kernel_root(&machine->monitor->virtual_processors[partition->first_virtual_processor]);
    while (done < size_bytes) {
        uint64_t piece = PAGE_SIZE_BYTES - (address + done) % PAGE_SIZE_BYTES;
        uint64_t at = memory_translate(&machine->memory, root, address + done);
        piece = piece < size_bytes - done ? piece : size_bytes - done;
        if (at == 0 || at + piece > machine->memory.size_bytes) {
            break;
        }
        memcpy(buffer + done, machine->memory.base + at, piece);
        done += piece;
    }
    return done;
}

uint64_t machine_memory_read(struct machine *machine, uint64_t machine_address, uint8_t *buffer,
                             uint64_t size_bytes)
{
    uint64_t memory_size_bytes = machine->memory.size_bytes;
    if (size_bytes > memory_size_bytes || machine_address > memory_size_bytes - size_bytes) {
        return 0;
    }
    memcpy(buffer, machine->memory.base + machine_address, size_bytes);
    return size_bytes;
}
