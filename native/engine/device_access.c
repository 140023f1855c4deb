/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads and stores of guests to registers: the machine's last frames are no memory to an engine.
 * What is done there by anybody but the owner in the view in force has no effect: the monitor may
 * not have taken the mapping away yet. Called by engine.c; both builds stand on it.
 */
#include "devices.h"
#include "machine.h"

#define REGISTER_SIZE_LIMIT_BYTES 4u

static struct device *device_at(struct engine *engine, uint64_t offset)
{
    struct machine *machine = engine->machine;
    uint32_t id = (uint32_t)(offset / PAGE_SIZE_BYTES) + 1;
    uint32_t partition = machine_build(machine)->partition_of(engine);
    bool own =
        id <= machine->devices.count && partition != 0 && device_owner(machine, id) == partition;
    return own ? machine->devices.slots[id - 1].device : NULL;
}

/* A processor alone has no round's end before the device's; and it is told of its events. */
static void attend(struct engine *engine)
{
    struct machine *machine = engine->machine;
    struct physical_processor *processor = engine->processor;
    devices_look(machine);
    if (machine->options.processor_count == 1 && machine->devices.due_cycles < processor->horizon) {
        processor->horizon = machine->devices.due_cycles;
        engine_attend(engine);
    }
    if (processor->kicked) {
        engine_attend(engine);
    }
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size_bytes, void *user_data)
{
    struct device *device = device_at(user_data, offset);
    uint32_t at = (uint32_t)(offset % PAGE_SIZE_BYTES);
    (void)uc;
    if (device == NULL) {
        return 0;
    }
    if (size_bytes <= REGISTER_SIZE_LIMIT_BYTES) {
        return device_read(device, at, size_bytes);
    }
    uint64_t low = device_read(device, at, REGISTER_SIZE_LIMIT_BYTES);
    return low |
           (uint64_t)device_read(device, at + REGISTER_SIZE_LIMIT_BYTES, REGISTER_SIZE_LIMIT_BYTES)
               << 32;
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size_bytes, uint64_t value,
                     void *user_data)
{
    struct device *device = device_at(user_data, offset);
    uint32_t at = (uint32_t)(offset % PAGE_SIZE_BYTES);
    (void)uc;
    if (device == NULL) {
        return;
    }
    if (size_bytes <= REGISTER_SIZE_LIMIT_BYTES) {
        device_write(device, at, size_bytes, (uint32_t)value);
    } else {
        device_write(device, at, REGISTER_SIZE_LIMIT_BYTES, (uint32_t)value);
        device_write(device, at + REGISTER_SIZE_LIMIT_BYTES, REGISTER_SIZE_LIMIT_BYTES,
                     (uint32_t)(value >> 32));
    }
    attend(user_data);
}

bool devices_map(struct engine *engine)
{
    const struct machine *machine = engine->machine;
    uint64_t address = machine->device_first_frame * PAGE_SIZE_BYTES;
    uint64_t size_bytes = machine->memory.size_bytes - address;
    return size_bytes == 0 || uc_mmio_map(engine->uc, address, size_bytes, on_read, engine,
                                          on_write, engine) == UC_ERR_OK;
}
