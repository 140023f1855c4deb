/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The face of a machine's devices towards Python (native_devices.h): media and devices are made,
 * looked at, typed into and plugged, always between two runs.
 */
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "machine.h"

uint64_t machine_device_first_frame(const struct machine *machine)
{
    return machine->device_first_frame;
}

int machine_disk_open(struct machine *machine, const char *path, uint64_t size_bytes,
                      uint32_t read_only)
{
    struct device_table *devices = &machine->devices;
    const struct disk_options options = {path, size_bytes, read_only != 0};
    char reason[DEVICE_REASON_LIMIT];
    if (devices->disk_count == DEVICE_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "a machine has at most %d disks", DEVICE_LIMIT);
    }
    struct disk *disk = disk_open(&options, reason);
    if (disk == NULL) {
        return machine_fail(machine, NATIVE_FILE, "%s", reason);
    }
    devices->disks[devices->disk_count] = disk;
    return (int)devices->disk_count++;
}

int machine_switch_open(struct machine *machine, uint32_t port_count, const char *capture_path)
{
    struct device_table *devices = &machine->devices;
    const struct switch_options options = {port_count, capture_path,
                                           machine->options.clock_frequency_hz};
    char reason[DEVICE_REASON_LIMIT];
    if (devices->switch_count == DEVICE_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "a machine has at most %d switches",
                            DEVICE_LIMIT);
    }
    struct network_switch *medium = switch_new(&options, reason);
    if (medium == NULL) {
        return machine_fail(machine, NATIVE_INVALID, "%s", reason);
    }
    devices->switches[devices->switch_count] = medium;
    return (int)devices->switch_count++;
}

static int check_room(struct machine *machine)
{
    if (machine->devices.count >= machine->options.device_frame_count) {
        return machine_fail(machine, NATIVE_LIMIT, "the machine has registers for %u devices",
                            machine->options.device_frame_count);
    }
    return NATIVE_OK;
}

static struct device_options options_of(const struct machine *machine,
                                        const struct device_settings *settings)
{
    struct device_options options = {
        .id = machine->devices.count + 1,
        .latency_cycles = settings->latency_cycles,
        .name = settings->name,
        .frame_limit_bytes = settings->frame_limit_bytes,
    };
    memcpy(options.address, settings->address, sizeof options.address);
    return options;
}

static int add(struct machine *machine, struct device *device, const char *medium, uint32_t port)
{
    if (device == NULL) {
        return machine_fail(machine, NATIVE_INVALID,
                            "port %u of the %s does not exist or is taken, or an option of its "
                            "device has no such value",
                            port, medium);
    }
    machine->devices.slots[machine->devices.count++].device = device;
    return (int)machine->devices.count;
}

int machine_block_add(struct machine *machine, const struct device_settings *settings,
                      uint32_t disk, uint32_t port)
{
    struct device_table *devices = &machine->devices;
    const struct device_options options = options_of(machine, settings);
    int result = check_room(machine);
    if (result != NATIVE_OK) {
        return result;
    }
    if (disk >= devices->disk_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no disk %u", disk);
    }
    return add(machine,
               device_new_block(&devices->environment, &options, devices->disks[disk], port),
               "disk", port);
}

int machine_network_add(struct machine *machine, const struct device_settings *settings,
                        uint32_t medium, uint32_t port)
{
    struct device_table *devices = &machine->devices;
    const struct device_options options = options_of(machine, settings);
    int result = check_room(machine);
    if (result != NATIVE_OK) {
        return result;
    }
    if (medium >= devices->switch_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no switch %u", medium);
    }
    return add(machine,
               device_new_network(&devices->environment, &options, devices->switches[medium], port),
               "switch", port);
}

int machine_console_device_add(struct machine *machine, const struct device_settings *settings)
{
    const struct device_options options = options_of(machine, settings);
    int result = check_room(machine);
    return result != NATIVE_OK
               ? result
               : add(machine, device_new_console(&machine->devices.environment, &options),
                     "console", 0);
}

/* NULL: there is none, or it is of another kind; `kind` 0: any. */
static struct device_slot *slot_of(struct machine *machine, uint32_t id, uint32_t kind)
{
    struct device_report report;
    if (id == 0 || id > machine->devices.count) {
        (void)machine_fail(machine, NATIVE_INVALID, "there is no device %u", id);
        return NULL;
    }
    struct device_slot *slot = &machine->devices.slots[id - 1];
    device_report_read(slot->device, &report);
    if (kind != 0 && report.kind != kind) {
        (void)machine_fail(machine, NATIVE_INVALID, "device %u is of another kind", id);
        return NULL;
    }
    return slot;
}

int machine_device_input(struct machine *machine, uint32_t id, const uint8_t *data,
                         uint32_t size_bytes)
{
    const struct device_slot *slot = slot_of(machine, id, DEVICE_KIND_console);
    if (slot == NULL) {
        return NATIVE_INVALID;
    }
    size_t taken_bytes = device_input(slot->device, data, size_bytes);
    devices_look(machine);
    return (int)taken_bytes;
}

int machine_device_output(struct machine *machine, uint32_t id, const uint8_t **data)
{
    struct device_slot *slot = slot_of(machine, id, DEVICE_KIND_console);
    if (slot == NULL) {
        return NATIVE_INVALID;
    }
    uint32_t size_bytes = slot->output_size_bytes;
    free(slot->taken);
    slot->taken = slot->output;
    slot->output = NULL;
    slot->output_size_bytes = 0;
    *data = slot->taken;
    return (int)size_bytes;
}

int machine_device_link(struct machine *machine, uint32_t id, uint32_t up)
{
    const struct device_slot *slot = slot_of(machine, id, DEVICE_KIND_network);
    if (slot == NULL) {
        return NATIVE_INVALID;
    }
    device_link_set(slot->device, up != 0);
    devices_look(machine);
    return NATIVE_OK;
}

int machine_device_statistics(struct machine *machine, uint32_t id,
                              struct device_statistics *statistics)
{
    struct device_report report;
    const struct device_slot *slot = slot_of(machine, id, 0);
    if (slot == NULL) {
        return NATIVE_INVALID;
    }
    device_report_read(slot->device, &report);
    *statistics = (struct device_statistics){
        .kind = (uint32_t)report.kind,
        .status = report.status,
        .owner = (uint32_t)(slot->owner_key >> 32),
        .active = report.active,
        .link_up = report.link_up,
        .request_count = report.request_count,
        .failed_count = report.failed_count,
        .read_bytes = report.read_bytes,
        .written_bytes = report.written_bytes,
        .in_flight_count = report.in_flight_count,
        .refused_count = report.refused_count,
        .dropped_bytes = slot->dropped_bytes,
    };
    _Static_assert(sizeof statistics->reason == sizeof report.reason, "native_devices.h");
    memcpy(statistics->reason, report.reason, sizeof statistics->reason);
    return NATIVE_OK;
}

int machine_disk_fail(struct machine *machine, uint32_t disk, const struct disk_failure *failure)
{
    const struct disk_fault fault = {
        .operation = failure->operation,
        .error = failure->error,
        .sector = failure->sector,
        .sector_count = failure->sector_count,
        .skip_count = failure->skip_count,
        .strike_count = failure->strike_count,
    };
    if (disk >= machine->devices.disk_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no disk %u", disk);
    }
    return disk_fault_add(machine->devices.disks[disk], &fault)
               ? NATIVE_OK
               : machine_fail(machine, NATIVE_LIMIT, "a disk has at most %d failures",
                              DISK_FAULT_LIMIT);
}

int machine_disk_heal(struct machine *machine, uint32_t disk)
{
    if (disk >= machine->devices.disk_count) {
        return machine_fail(machine, NATIVE_INVALID, "there is no disk %u", disk);
    }
    disk_fault_clear(machine->devices.disks[disk]);
    return NATIVE_OK;
}
