/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine and the driver of the tests: rig.h says what they do. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u

static bool overlaps(uint64_t address, uint64_t first, uint64_t end)
{
    return address >= first && address < end;
}

/* Pieces end at pages, so that everything that crosses one is put together. */
static uint8_t *reach(void *machine, uint32_t device, uint64_t address, uint64_t *size_bytes,
                      bool write)
{
    struct rig *rig = machine;
    rig->reach_count++;
    if (device != 7 || address >= RIG_MEMORY_BYTES ||
        overlaps(address, rig->refused_first, rig->refused_end) ||
        (write && overlaps(address, rig->read_only_first, rig->read_only_end))) {
        return NULL;
    }
    uint64_t rest = PAGE_BYTES - address % PAGE_BYTES;
    *size_bytes = *size_bytes < rest ? *size_bytes : rest;
    return rig->memory + address;
}

static void interrupt(void *machine, uint32_t device)
{
    struct rig *rig = machine;
    rig->interrupt_count += device == 7 ? 1 : 1000;
}

static uint64_t now(void *machine)
{
    struct rig *rig = machine;
    return rig->now;
}

static void output(void *machine, uint32_t device, const uint8_t *data, uint32_t size_bytes)
{
    struct rig *rig = machine;
    (void)device;
    for (uint32_t index = 0; index < size_bytes; index++) {
        rig->output[rig->output_bytes++ % RIG_OUTPUT_LIMIT] = data[index];
    }
}

void rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->memory = calloc(1, RIG_MEMORY_BYTES);
    rig->environment = (struct device_environment){rig, reach, interrupt, now, output};
}

static struct device_options options(void)
{
    return (struct device_options){
        .id = 7,
        .latency_cycles = RIG_LATENCY,
        .name = "disk0.0",
        .address = {2, 0, 0, 0, 0, 1},
    };
}

void rig_block_on(struct rig *rig, struct disk *disk, uint32_t port)
{
    struct device_options chosen = options();
    rig_init(rig);
    rig->device = device_new_block(&rig->environment, &chosen, disk, port);
    device_fence(rig->device, true);
}

void rig_block(struct rig *rig, bool read_only)
{
    char reason[DEVICE_REASON_LIMIT];
    struct disk_options chosen = {.size_bytes = 64 * 512, .read_only = read_only};
    struct disk *disk = disk_open(&chosen, reason);
    rig_block_on(rig, disk, 0);
    rig->disk = disk;
}

void rig_network(struct rig *rig, struct network_switch *medium, uint32_t port)
{
    struct device_options chosen = options();
    rig_init(rig);
    chosen.address[5] = (uint8_t)port;
    rig->medium = medium;
    rig->device = device_new_network(&rig->environment, &chosen, medium, port);
    device_fence(rig->device, true);
}

void rig_console(struct rig *rig)
{
    struct device_options chosen = options();
    rig_init(rig);
    rig->device = device_new_console(&rig->environment, &chosen);
    device_fence(rig->device, true);
}

void rig_free(struct rig *rig)
{
    device_free(rig->device);
    disk_close(rig->disk);
    free(rig->memory);
}

uint32_t rig_read(struct rig *rig, uint32_t offset)
{
    return device_read(rig->device, offset, 4);
}

void rig_write(struct rig *rig, uint32_t offset, uint32_t value)
{
    device_write(rig->device, offset, 4, value);
}

struct device_report rig_report(struct rig *rig)
{
    struct device_report report;
    device_report_read(rig->device, &report);
    return report;
}

bool rig_reason(struct rig *rig, const char *text)
{
    struct device_report report = rig_report(rig);
    return strcmp(report.reason, text) == 0;
}

void rig_negotiate(struct rig *rig, uint64_t features)
{
    rig_write(rig, R_STATUS, 0);
    rig_write(rig, R_STATUS, ACKNOWLEDGE);
    rig_write(rig, R_STATUS, ACKNOWLEDGE | DRIVER);
    rig_write(rig, R_DRIVER_FEATURES_SEL, 0);
    rig_write(rig, R_DRIVER_FEATURES, (uint32_t)features);
    rig_write(rig, R_DRIVER_FEATURES_SEL, 1);
    rig_write(rig, R_DRIVER_FEATURES, (uint32_t)(features >> 32));
    rig_write(rig, R_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

uint64_t rig_ring(uint32_t queue)
{
    return 0x1000 + queue * 0x4000ull;
}

void rig_queue(struct rig *rig, uint32_t queue, uint32_t size)
{
    uint32_t ring = (uint32_t)rig_ring(queue);
    memset(rig->memory + ring, 0, 0x3000);
    rig->offered[queue] = 0;
    rig_write(rig, R_QUEUE_SEL, queue);
    rig_write(rig, R_QUEUE_NUM, size);
    rig_write(rig, R_QUEUE_DESC, ring);
    rig_write(rig, R_QUEUE_DESC + 4, 0);
    rig_write(rig, R_QUEUE_DRIVER, ring + 0x1000);
    rig_write(rig, R_QUEUE_DRIVER + 4, 0);
    rig_write(rig, R_QUEUE_DEVICE, ring + 0x2000);
    rig_write(rig, R_QUEUE_DEVICE + 4, 0);
    rig_write(rig, R_QUEUE_READY, 1);
}

void rig_start(struct rig *rig, uint64_t features)
{
    rig_negotiate(rig, features | F_VERSION_1);
    for (uint32_t queue = 0; queue < 2; queue++) {
        rig_write(rig, R_QUEUE_SEL, queue);
        if (rig_read(rig, R_QUEUE_NUM_MAX) != 0) {
            rig_queue(rig, queue, RIG_QUEUE_SIZE);
        }
    }
    rig_write(rig, R_STATUS, STARTED);
}

void rig_put(struct rig *rig, uint64_t address, uint64_t value, uint32_t size_bytes)
{
    memcpy(rig->memory + address, &value, size_bytes);
}

uint64_t rig_get(struct rig *rig, uint64_t address, uint32_t size_bytes)
{
    uint64_t value = 0;
    memcpy(&value, rig->memory + address, size_bytes);
    return value;
}

void rig_descriptor(struct rig *rig, uint64_t table, uint32_t index, uint64_t address,
                    uint32_t size_bytes, uint32_t flags, uint32_t next)
{
    uint64_t place = table + index * 16ull;
    rig_put(rig, place, address, 8);
    rig_put(rig, place + 8, size_bytes, 4);
    rig_put(rig, place + 12, flags, 2);
    rig_put(rig, place + 14, next, 2);
}

void rig_offer(struct rig *rig, uint32_t queue, uint32_t head)
{
    uint64_t available = rig_ring(queue) + 0x1000;
    rig_put(rig, available + 4 + rig->offered[queue] % RIG_QUEUE_SIZE * 2ull, head, 2);
    rig->offered[queue]++;
    rig_put(rig, available + 2, rig->offered[queue], 2);
}

void rig_send(struct rig *rig, uint32_t queue, uint32_t head)
{
    rig_offer(rig, queue, head);
    rig_write(rig, R_QUEUE_NOTIFY, queue);
}

void rig_run(struct rig *rig)
{
    uint64_t due = device_due(rig->device);
    for (uint32_t step = 0; due != DEVICE_NEVER && step < 1000; step++) {
        rig->now = due > rig->now ? due : rig->now;
        device_act(rig->device);
        due = device_due(rig->device);
    }
    CHECK_EQUAL(due, DEVICE_NEVER);
}

uint16_t rig_used_index(struct rig *rig, uint32_t queue)
{
    return (uint16_t)rig_get(rig, rig_ring(queue) + 0x2002, 2);
}

uint32_t rig_used_head(struct rig *rig, uint32_t queue, uint32_t entry)
{
    return (uint32_t)rig_get(rig, rig_ring(queue) + 0x2004 + entry % RIG_QUEUE_SIZE * 8ull, 4);
}

uint32_t rig_used_bytes(struct rig *rig, uint32_t queue, uint32_t entry)
{
    return (uint32_t)rig_get(rig, rig_ring(queue) + 0x2008 + entry % RIG_QUEUE_SIZE * 8ull, 4);
}

void rig_request(struct rig *rig, uint32_t type, uint64_t sector, uint32_t data_bytes, bool in)
{
    uint64_t ring = rig_ring(0);
    rig_put(rig, RIG_HEADER, type, 8);
    rig_put(rig, RIG_HEADER + 8, sector, 8);
    rig_put(rig, RIG_STATUS, NOT_ANSWERED, 1);
    rig_descriptor(rig, ring, 0, RIG_HEADER, 16, NEXT, data_bytes != 0 ? 1 : 2);
    rig_descriptor(rig, ring, 1, RIG_BUFFER, data_bytes, NEXT | (in ? WRITE : 0), 2);
    rig_descriptor(rig, ring, 2, RIG_STATUS, 1, WRITE, 0);
}

uint8_t rig_status(struct rig *rig)
{
    return (uint8_t)rig_get(rig, RIG_STATUS, 1);
}

uint8_t rig_block_run(struct rig *rig, uint32_t type, uint64_t sector, uint32_t data_bytes, bool in)
{
    rig_request(rig, type, sector, data_bytes, in);
    rig_send(rig, 0, 0);
    rig_run(rig);
    return rig_status(rig);
}
