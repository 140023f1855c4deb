/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See view_writer.h. Also machine_slot_add and machine_link_add, which only write the view. */
#include "view_writer.h"

#include <string.h>

#include "machine.h"

int view_open(struct machine *machine)
{
    struct view_region *region = (struct view_region *)(void *)machine->memory.view_alias;
    region->header.magic = PAGE_MAGIC_VIEW;
    region->header.version = ABI_VERSION;
    region->header.size_bytes = sizeof *region;
    region->generation = 0;
    machine->view = &region->bodies[1 % VIEW_BODY_COUNT];
    machine->view->processor_count = machine->options.processor_count;
    machine->view->clock_frequency_hz = machine->options.clock_frequency_hz;
    return NATIVE_OK;
}

void view_complete(struct view_body *body)
{
    for (uint32_t id = 0; id < body->processor_count; id++) {
        struct view_processor *processor = &body->processors[id];
        uint64_t start_cycles = 0;
        for (uint32_t slot = 0; slot < processor->slot_count; slot++) {
            processor->slots[slot].start_cycles = start_cycles;
            start_cycles += processor->slots[slot].quantum_cycles;
        }
        processor->period_cycles = start_cycles;
    }
}

void view_publish_first(struct machine *machine)
{
    struct view_region *region = (struct view_region *)(void *)machine->memory.view_alias;
    view_complete(machine->view);
    region->generation = 1;
    machine->view_generation = 1;
    machine->boot_partition_count = machine->partition_count;
}

static int find_virtual_processor(struct machine *machine, uint32_t partition, uint32_t index,
                                  uint32_t *id)
{
    if (machine->booted) {
        return machine_fail(machine, NATIVE_STATE, "the machine has booted already");
    }
    if (partition == 0 || partition > machine->partition_count ||
        index >= machine->view->partitions[partition].virtual_processor_count) {
        return machine_fail(machine, NATIVE_INVALID, "partition %u has no virtual processor %u",
                            partition, index);
    }
    *id = machine->view->partitions[partition].first_virtual_processor + index;
    return NATIVE_OK;
}

int machine_slot_add(struct machine *machine, uint32_t processor, uint32_t partition,
                     uint32_t virtual_processor, uint64_t quantum_cycles, uint32_t donates)
{
    uint32_t id = 0;
    int result = find_virtual_processor(machine, partition, virtual_processor, &id);
    if (result != NATIVE_OK) {
        return result;
    }
    if (processor >= machine->options.processor_count ||
        machine->view->virtual_processors[id].processor != processor) {
        return machine_fail(machine, NATIVE_INVALID,
                            "a slot of processor %u cannot be given to a virtual processor of "
                            "processor %u",
                            processor, machine->view->virtual_processors[id].processor);
    }
    if (quantum_cycles < QUANTUM_MINIMUM_CYCLES || quantum_cycles > UINT64_MAX / SLOT_LIMIT / 4) {
        return machine_fail(machine, NATIVE_LIMIT, "a quantum is at least %d cycles",
                            QUANTUM_MINIMUM_CYCLES);
    }
    struct view_processor *map = &machine->view->processors[processor];
    if (map->slot_count == SLOT_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "processor %u has %d slots already", processor,
                            SLOT_LIMIT);
    }
    struct view_slot *slot = &map->slots[map->slot_count++];
    slot->virtual_processor = id;
    slot->flags = donates != 0 ? SLOT_DONATES : 0;
    slot->quantum_cycles = quantum_cycles;
    return NATIVE_OK;
}

int machine_link_add(struct machine *machine, uint32_t partition, uint32_t port,
                     uint32_t target_partition, uint32_t target_port, uint32_t target_processor)
{
    uint32_t id = 0;
    int result = find_virtual_processor(machine, partition, 0, &id);
    if (result == NATIVE_OK) {
        result = find_virtual_processor(machine, target_partition, target_processor, &id);
    }
    if (result != NATIVE_OK) {
        return result;
    }
    if (port < PORT_LINK_FIRST || port >= EVENT_PORT_LIMIT || target_port < PORT_LINK_FIRST ||
        target_port >= EVENT_PORT_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "a link's ports are %d to %d", PORT_LINK_FIRST,
                            EVENT_PORT_LIMIT - 1);
    }
    if (machine->view->link_count == EVENT_LINK_LIMIT) {
        return machine_fail(machine, NATIVE_LIMIT, "there are %d links already", EVENT_LINK_LIMIT);
    }
    struct view_link *link = &machine->view->links[machine->view->link_count++];
    link->partition = partition;
    link->port = port;
    link->target_partition = target_partition;
    link->target_port = target_port;
    link->target_processor = target_processor;
    return NATIVE_OK;
}

static uint64_t *words_at(struct machine *machine, uint64_t machine_address)
{
    return (uint64_t *)(void *)(machine->memory.base + machine_address);
}

/* The monitor's own descriptors: it adds those of guests, and of its task-state segments. */
static void write_descriptors(struct machine *machine)
{
    for (uint64_t processor = 0; processor < machine->options.processor_count; processor++) {
        uint64_t *table =
            words_at(machine, DESCRIPTOR_TABLES_ADDRESS + processor * PAGE_SIZE_BYTES);
        table[SELECTOR_MONITOR_CODE / 8] = 0x00af9b000000ffffull;
        table[SELECTOR_MONITOR_DATA / 8] = 0x00cf93000000ffffull;
    }
}

/* One table page below another, made when missing. Returns its machine address. */
static uint64_t table_below(struct machine *machine, uint64_t table, uint64_t index,
                            uint64_t *next_table)
{
    uint64_t *entry = words_at(machine, table) + index;
    if ((*entry & ENTRY_PRESENT) == 0) {
        *entry = *next_table | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_ACCESSED;
        *next_table += PAGE_SIZE_BYTES;
    }
    return *entry & ENTRY_FRAME_MASK;
}

static void map_direct(struct machine *machine, uint64_t machine_address, uint64_t flags,
                       uint64_t *next_table)
{
    uint64_t table = MONITOR_TABLES_ADDRESS; /* the level-3 table of slot 256 */
    for (int shift = 30; shift > 12; shift -= 9) {
        table = table_below(machine, table, machine_address >> shift & (TABLE_ENTRY_COUNT - 1),
                            next_table);
    }
    words_at(machine, table)[machine_address >> 12 & (TABLE_ENTRY_COUNT - 1)] =
        machine_address | flags | ENTRY_PRESENT | ENTRY_ACCESSED;
}

/* Simulated build: all memory in slot 256; only the image's text may be executed. */
static void map_all_memory(struct machine *machine, uint64_t *next_table)
{
    const uint64_t large_size_bytes = 1ull << 21;
    for (uint64_t at = 0; at < machine->memory.size_bytes; at += large_size_bytes) {
        uint64_t table = table_below(machine, MONITOR_TABLES_ADDRESS,
                                     at >> 30 & (TABLE_ENTRY_COUNT - 1), next_table);
        words_at(machine, table)[at >> 21 & (TABLE_ENTRY_COUNT - 1)] =
            at | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_LARGE |
            ENTRY_NO_EXECUTE;
    }
}

/* The first 4 MiB in small pages: views read-only, the image's pages by what they hold. */
static void map_monitor(struct machine *machine, uint64_t *next_table)
{
    const uint64_t data = ENTRY_WRITABLE | ENTRY_DIRTY | ENTRY_NO_EXECUTE;
    uint64_t first = words_at(machine, MONITOR_TABLES_ADDRESS)[0] & ENTRY_FRAME_MASK;
    words_at(machine, first)[0] = 0;
    words_at(machine, first)[1] = 0;
    for (uint64_t at = 0; at < 2 * 0x200000ull; at += PAGE_SIZE_BYTES) {
        bool view = at - VIEW_REGION_ADDRESS < VIEW_REGION_SIZE_BYTES;
        bool text = at - MONITOR_IMAGE_ADDRESS < MONITOR_TEXT_SIZE_BYTES;
        map_direct(machine, at, text ? 0 : view ? ENTRY_NO_EXECUTE : data, next_table);
    }
}

void firmware_prepare(struct machine *machine)
{
    uint64_t next_table = MONITOR_TABLES_ADDRESS + PAGE_SIZE_BYTES;
    machine->monitor->frame_count = machine->memory.size_bytes / PAGE_SIZE_BYTES;
    machine->monitor->device_first_frame = machine->device_first_frame;
    machine->monitor->processor_count = machine->options.processor_count;
    machine->monitor->monitor_entries[0] =
        MONITOR_TABLES_ADDRESS | ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_ACCESSED;
    write_descriptors(machine);
    if (machine->options.monitor_build == MONITOR_SIMULATED) {
        map_all_memory(machine, &next_table);
        map_monitor(machine, &next_table);
        uint64_t *boot_root = words_at(machine, MONITOR_BOOT_ROOT_ADDRESS);
        boot_root[MONITOR_SLOT_FIRST] = machine->monitor->monitor_entries[0];
    } else {
        for (uint64_t processor = 0; processor < PROCESSOR_LIMIT; processor++) {
            map_direct(machine, DESCRIPTOR_TABLES_ADDRESS + processor * PAGE_SIZE_BYTES,
                       ENTRY_NO_EXECUTE, &next_table);
        }
    }
}
