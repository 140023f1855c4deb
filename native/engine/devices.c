/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices between the view and the run loop: fenced and made active as rows say, acting when they
 * are due, raising the events of their owners. Called by view_publication.c, run.c, snapshot.c and
 * device_access.c. Knows no registers and no requests.
 */
#include "devices.h"

#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "platform_host.h"

#define OUTPUT_LIMIT_BYTES (1u << 20)

static const struct view_device *row_of(const struct machine *machine, uint32_t id)
{
    for (uint32_t row = 0; row < machine->view->device_count; row++) {
        if (machine->view->devices[row].id == id && machine->view->devices[row].partition != 0) {
            return &machine->view->devices[row];
        }
    }
    return NULL;
}

static uint64_t key_of(const struct machine *machine, const struct view_device *row)
{
    if (row == NULL || machine->view->partitions[row->partition].kind == PARTITION_unused) {
        return 0;
    }
    return (uint64_t)row->partition << 32 | machine->view->partitions[row->partition].incarnation;
}

uint32_t device_owner(const struct machine *machine, uint32_t id)
{
    uint64_t key = key_of(machine, row_of(machine, id));
    const struct partition *partition = &machine->monitor->partitions[key >> 32];
    bool known = partition->incarnation == (uint32_t)key && partition->condemned == 0 &&
                 partition->state != PARTITION_ABSENT;
    return known ? (uint32_t)(key >> 32) : 0;
}

/*
 * Several processors share the beginning of their round: whoever of them asks later must not be
 * told an earlier time.
 */
static uint64_t now(void *context)
{
    struct machine *machine = context;
    return machine->options.processor_count > 1 ? machine->round_start : host_time(machine, 0);
}

static void interrupt(void *context, uint32_t id)
{
    struct machine *machine = context;
    const struct view_device *row = row_of(machine, id);
    uint32_t owner = device_owner(machine, id);
    const struct partition *target = &machine->monitor->partitions[owner];
    if (owner == 0 || row->port == 0 ||
        (target->state != PARTITION_RUNNING && target->state != PARTITION_PAUSED)) {
        return;
    }
    const struct virtual_processor *record =
        &machine->monitor->virtual_processors[target->first_virtual_processor];
    struct shared_page *shared =
        (struct shared_page *)(void *)(machine->memory.base +
                                       record->shared_frame * PAGE_SIZE_BYTES);
    shared->events_pending |= 1ull << row->port;
    host_kick(machine, record->processor);
}

static void output(void *context, uint32_t id, const uint8_t *data, uint32_t size_bytes)
{
    struct machine *machine = context;
    struct device_slot *slot = &machine->devices.slots[id - 1];
    uint8_t *bytes = NULL;
    if (size_bytes <= OUTPUT_LIMIT_BYTES - slot->output_size_bytes) {
        bytes = realloc(slot->output, slot->output_size_bytes + size_bytes + 1u);
    }
    if (bytes == NULL) {
        slot->dropped_bytes += size_bytes;
        return;
    }
    memcpy(bytes + slot->output_size_bytes, data, size_bytes);
    slot->output = bytes;
    slot->output_size_bytes += size_bytes;
}

void devices_open(struct machine *machine)
{
    machine->devices.environment = (struct device_environment){
        .machine = machine,
        .reach = iommu_reach,
        .interrupt = interrupt,
        .now = now,
        .output = output,
    };
    machine->devices.due_cycles = DEVICE_NEVER;
}

void devices_close(struct machine *machine)
{
    struct device_table *devices = &machine->devices;
    for (uint32_t index = 0; index < devices->count; index++) {
        device_free(devices->slots[index].device);
        free(devices->slots[index].output);
        free(devices->slots[index].taken);
    }
    for (uint32_t index = 0; index < devices->disk_count; index++) {
        disk_close(devices->disks[index]);
    }
    for (uint32_t index = 0; index < devices->switch_count; index++) {
        switch_free(devices->switches[index]);
        queue_free(&devices->outsides[index].frames);
    }
}

void devices_look(struct machine *machine)
{
    struct device_table *devices = &machine->devices;
    devices->due_cycles = DEVICE_NEVER;
    for (uint32_t index = 0; index < devices->count; index++) {
        uint64_t due_cycles = device_due(devices->slots[index].device);
        devices->due_cycles = due_cycles < devices->due_cycles ? due_cycles : devices->due_cycles;
    }
}

void devices_act(struct machine *machine)
{
    struct device_table *devices = &machine->devices;
    if (devices->due_cycles > machine->round_start) {
        return;
    }
    for (uint32_t index = 0; index < devices->count; index++) {
        if (device_due(devices->slots[index].device) <= machine->round_start) {
            device_act(devices->slots[index].device);
        }
    }
    devices_look(machine);
}

/* Its requests were another's: none of them is left. */
static void follow_owner(struct machine *machine, struct device_slot *slot, uint64_t key)
{
    (void)machine;
    if (slot->owner_key != key) {
        device_fence(slot->device, false);
        device_reset(slot->device);
        slot->owner_key = key;
    }
}

void devices_follow(struct machine *machine)
{
    struct device_table *devices = &machine->devices;
    bool active[DEVICE_LIMIT] = {false};
    for (uint32_t index = 0; index < devices->count; index++) {
        const struct view_device *row = row_of(machine, index + 1);
        uint64_t key = key_of(machine, row);
        active[index] = key != 0 && (row->flags & VIEW_DEVICE_ACTIVE) != 0;
        follow_owner(machine, &devices->slots[index], key);
        if (!active[index]) {
            device_fence(devices->slots[index].device, false);
        }
    }
    for (uint32_t index = 0; index < devices->count; index++) {
        device_fence(devices->slots[index].device, active[index]);
    }
    devices_look(machine);
}
