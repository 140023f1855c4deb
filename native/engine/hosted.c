/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns of hosted partitions (monitor/abi/hosted.h): the doorbell that begins one, what a
 * program may do to its partition's memory meanwhile, and the end, at which it pays. Either
 * build comes to rest before an instruction that the engine is not given, with the guest's
 * state in the engine: that is where the bell rings. Knows no programs.
 */
#include "hosted.h"

#include <string.h>

#include "machine.h"
#include "view_lookup.h"

static const uint8_t doorbell_bytes[HOSTED_DOORBELL_SIZE_BYTES] = {0xe6, HOSTED_PORT};

static const struct view_partition *view_of(const struct machine *machine, uint32_t partition)
{
    return &machine->view->partitions[partition];
}

static bool is_doorbell(const struct engine *engine, uint64_t rip)
{
    const struct machine_memory *memory = &engine->machine->memory;
    for (uint64_t i = 0; i < sizeof doorbell_bytes; i++) {
        uint64_t at = memory_translate(memory, engine->environment->cr[3], rip + i);
        if (at == 0 || at >= memory->size_bytes || memory->base[at] != doorbell_bytes[i]) {
            return false;
        }
    }
    return true;
}

static bool is_hosted_kernel(const struct machine *machine, uint32_t partition)
{
    const struct view_partition *view = view_of(machine, partition);
    return partition != 0 && view->kind == PARTITION_hosted &&
           machine->monitor->virtual_processors[view->first_virtual_processor].user_mode == 0;
}

/* As rdtsc shows it: what lies behind the slot is given back. */
static uint64_t visible_time(const struct physical_processor *processor)
{
    uint64_t slot_end = processor->machine->monitor->processors[processor->id].slot_end_cycles;
    return processor->clock < slot_end ? processor->clock : slot_end;
}

bool hosted_doorbell(struct engine *engine)
{
    struct machine *machine = engine->machine;
    struct environment *environment = engine->environment;
    uint32_t partition = machine_build(machine)->partition_of(engine);
    uint64_t rip = environment->rip;
    if (!is_hosted_kernel(machine, partition) || !is_doorbell(engine, rip)) {
        return false;
    }
    engine->budget -= (int64_t)engine_begin_block(engine, rip, sizeof doorbell_bytes);
    engine->block = 0;
    engine_complete_block(engine, rip + sizeof doorbell_bytes);
    engine_settle(engine);
    environment->rip += sizeof doorbell_bytes;
    machine->hosted = (struct hosted_turn){
        .partition = partition,
        .engine = engine,
        .time_cycles = visible_time(engine->processor),
        .page_address = environment->registers[ENV_RDI],
    };
    return true;
}

static int check_turn(struct machine *machine, uint32_t partition)
{
    if (machine->hosted.partition == 0 || machine->hosted.partition != partition) {
        return machine_fail(machine, NATIVE_STATE, "it is not the turn of partition %u's program",
                            partition);
    }
    return NATIVE_OK;
}

static const struct frame *frame_at(const struct machine *machine, uint64_t machine_frame)
{
    const struct frame *frames =
        (const struct frame *)(const void *)(machine->memory.base + FRAME_TABLE_ADDRESS);
    return &frames[machine_frame];
}

/* Where a guest frame lies in machine memory, and whether it may be written; 0: nowhere. */
struct place {
    uint64_t machine_frame;
    bool writable;
};

/*
 * A frame of a channel that the view in force has, whether the monitor has given it to the channel
 * already or will: one that is free now is nobody else's, and clean.
 */
static struct place channel_place(const struct machine *machine, uint32_t partition,
                                  uint64_t guest_frame)
{
    struct channel_frame found;
    if (!view_channel_frame(machine, partition, guest_frame, &found)) {
        return (struct place){0, false};
    }
    const struct view_channel_end *end = &machine->view->channels[found.row].ends[found.side];
    uint16_t owner = frame_at(machine, found.machine_frame)->owner;
    bool given = owner == FRAME_OWNER_FREE || owner == FRAME_OWNER_CHANNEL + found.row;
    return (struct place){given ? found.machine_frame : 0,
                          (end->flags & CHANNEL_END_WRITABLE) != 0};
}

/* Memory of its own that it has not given up, or a channel's. */
static struct place place_of(const struct machine *machine, uint32_t partition,
                             uint64_t guest_frame)
{
    uint64_t frame = view_extent_frame(machine, partition, guest_frame);
    if (frame == 0) {
        return channel_place(machine, partition, guest_frame);
    }
    const struct frame *record = frame_at(machine, frame);
    return (struct place){record->owner == partition ? frame : 0, record->type == FRAME_WRITABLE};
}

/* All of it, before any of it is copied. */
static int check_access(struct machine *machine, uint32_t partition, uint64_t address,
                        uint64_t size_bytes, bool write)
{
    int result = check_turn(machine, partition);
    if (result != NATIVE_OK || size_bytes == 0) {
        return result;
    }
    uint64_t last = address + size_bytes - 1;
    if (last < address) {
        return machine_fail(machine, NATIVE_INVALID, "%llu bytes at %#llx go round all addresses",
                            (unsigned long long)size_bytes, (unsigned long long)address);
    }
    for (uint64_t at = address >> PAGE_SHIFT; at <= last >> PAGE_SHIFT; at++) {
        struct place place = place_of(machine, partition, at);
        if (place.machine_frame == 0 || (write && !place.writable)) {
            return machine_fail(machine, NATIVE_INVALID,
                                "the page at %#llx is not %s of partition %u",
                                (unsigned long long)(at << PAGE_SHIFT),
                                place.machine_frame == 0 ? "memory" : "writable memory", partition);
        }
    }
    return NATIVE_OK;
}

/* The next piece within one page; the access has been checked. */
static uint8_t *piece(const struct machine *machine, uint32_t partition, uint64_t address,
                      uint64_t left_bytes, uint64_t *size_bytes)
{
    uint64_t offset = address % PAGE_SIZE_BYTES;
    uint64_t frame = place_of(machine, partition, address >> PAGE_SHIFT).machine_frame;
    uint64_t room = PAGE_SIZE_BYTES - offset;
    *size_bytes = left_bytes < room ? left_bytes : room;
    return machine->memory.base + frame * PAGE_SIZE_BYTES + offset;
}

int machine_hosted_read(struct machine *machine, uint32_t partition, uint64_t address,
                        uint8_t *buffer, uint64_t size_bytes)
{
    int result = check_access(machine, partition, address, size_bytes, false);
    uint64_t part;
    for (uint64_t done = 0; result == NATIVE_OK && done < size_bytes; done += part) {
        const uint8_t *from = piece(machine, partition, address + done, size_bytes - done, &part);
        memcpy(buffer + done, from, part);
    }
    return result;
}

int machine_hosted_write(struct machine *machine, uint32_t partition, uint64_t address,
                         const uint8_t *data, uint64_t size_bytes)
{
    int result = check_access(machine, partition, address, size_bytes, true);
    uint64_t part;
    for (uint64_t done = 0; result == NATIVE_OK && done < size_bytes; done += part) {
        uint8_t *to = piece(machine, partition, address + done, size_bytes - done, &part);
        memcpy(to, data + done, part);
    }
    return result;
}

int machine_hosted_done(struct machine *machine, uint64_t work_cycles)
{
    struct engine *engine = machine->hosted.engine;
    if (machine->hosted.partition == 0) {
        return machine_fail(machine, NATIVE_STATE, "no program has its turn");
    }
    if (work_cycles > HOSTED_WORK_LIMIT_CYCLES) {
        return machine_fail(machine, NATIVE_LIMIT, "a turn's work is at most %d cycles",
                            HOSTED_WORK_LIMIT_CYCLES);
    }
    engine_charge_work(engine, work_cycles);
    engine_settle(engine);
    machine->hosted = (struct hosted_turn){0};
    return NATIVE_OK;
}
