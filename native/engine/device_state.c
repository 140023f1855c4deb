/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices and their media in snapshots and in the host's hash: each one's bytes behind their
 * count, in the order in which they were made, media first. Called by snapshot.c and hash.c.
 */
#include <string.h>

#include "devices.h"
#include "machine.h"

/* Where the next piece goes; what does not fit is only counted. */
struct piece_writer {
    uint8_t *buffer;
    uint64_t capacity, size_bytes;
};

static uint8_t *place(const struct piece_writer *writer, uint64_t *left_bytes)
{
    bool inside = writer->size_bytes <= writer->capacity;
    *left_bytes = inside ? writer->capacity - writer->size_bytes : 0;
    return inside && writer->buffer != NULL ? writer->buffer + writer->size_bytes : NULL;
}

static void put_word(struct piece_writer *writer, uint64_t word)
{
    uint64_t left_bytes;
    uint8_t *to = place(writer, &left_bytes);
    if (to != NULL && left_bytes >= sizeof word) {
        memcpy(to, &word, sizeof word);
    }
    writer->size_bytes += sizeof word;
}

enum part { PART_DISK, PART_SWITCH, PART_DEVICE };

static size_t save_part(const struct device_table *devices, enum part part, uint32_t index,
                        uint8_t *to, size_t capacity)
{
    switch (part) {
    case PART_DISK:
        return disk_save(devices->disks[index], to, capacity);
    case PART_SWITCH:
        return switch_save(devices->switches[index], to, capacity);
    default:
        return device_save(devices->slots[index].device, to, capacity);
    }
}

static void put_parts(struct piece_writer *writer, const struct device_table *devices,
                      enum part part, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        uint64_t left_bytes;
        put_word(writer, save_part(devices, part, index, NULL, 0));
        uint8_t *to = place(writer, &left_bytes);
        writer->size_bytes += save_part(devices, part, index, to, to == NULL ? 0 : left_bytes);
    }
}

uint64_t devices_save(const struct machine *machine, uint8_t *buffer, uint64_t capacity)
{
    const struct device_table *devices = &machine->devices;
    struct piece_writer writer = {buffer, capacity, 0};
    put_word(&writer, devices->disk_count);
    put_word(&writer, devices->switch_count);
    put_word(&writer, devices->count);
    put_parts(&writer, devices, PART_DISK, devices->disk_count);
    put_parts(&writer, devices, PART_SWITCH, devices->switch_count);
    put_parts(&writer, devices, PART_DEVICE, devices->count);
    for (uint32_t index = 0; index < devices->count; index++) {
        put_word(&writer, devices->slots[index].owner_key);
    }
    return writer.size_bytes;
}

struct piece_reader {
    const uint8_t *buffer;
    uint64_t size_bytes, at;
};

static bool get_word(struct piece_reader *reader, uint64_t *word)
{
    if (reader->size_bytes - reader->at < sizeof *word) {
        return false;
    }
    memcpy(word, reader->buffer + reader->at, sizeof *word);
    reader->at += sizeof *word;
    return true;
}

static bool load_part(struct device_table *devices, enum part part, uint32_t index,
                      const uint8_t *from, size_t size_bytes)
{
    switch (part) {
    case PART_DISK:
        return disk_load(devices->disks[index], from, size_bytes);
    case PART_SWITCH:
        return switch_load(devices->switches[index], from, size_bytes);
    default:
        return device_load(devices->slots[index].device, from, size_bytes);
    }
}

static bool get_parts(struct piece_reader *reader, struct device_table *devices, enum part part,
                      uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        uint64_t size_bytes;
        if (!get_word(reader, &size_bytes) || size_bytes > reader->size_bytes - reader->at ||
            !load_part(devices, part, index, reader->buffer + reader->at, size_bytes)) {
            return false;
        }
        reader->at += size_bytes;
    }
    return true;
}

static bool counts_agree(struct piece_reader *reader, const struct device_table *devices)
{
    uint64_t disk_count;
    uint64_t switch_count;
    uint64_t count;
    return get_word(reader, &disk_count) && get_word(reader, &switch_count) &&
           get_word(reader, &count) && disk_count == devices->disk_count &&
           switch_count == devices->switch_count && count == devices->count;
}

bool devices_load(struct machine *machine, const uint8_t *buffer, uint64_t size_bytes)
{
    struct device_table *devices = &machine->devices;
    struct piece_reader reader = {buffer, size_bytes, 0};
    if (!counts_agree(&reader, devices) ||
        !get_parts(&reader, devices, PART_DISK, devices->disk_count) ||
        !get_parts(&reader, devices, PART_SWITCH, devices->switch_count) ||
        !get_parts(&reader, devices, PART_DEVICE, devices->count)) {
        return false;
    }
    for (uint32_t index = 0; index < devices->count; index++) {
        if (!get_word(&reader, &devices->slots[index].owner_key)) {
            return false;
        }
    }
    devices_follow(machine); /* which ports of a disk are active is not the disk's to save */
    return true;
}

uint64_t devices_hash(const struct machine *machine)
{
    const struct device_table *devices = &machine->devices;
    uint64_t hash = mix64(devices->count);
    for (uint32_t index = 0; index < devices->disk_count; index++) {
        hash = mix64(hash ^ disk_hash(devices->disks[index]));
    }
    for (uint32_t index = 0; index < devices->switch_count; index++) {
        hash = mix64(hash ^ switch_hash(devices->switches[index]));
    }
    for (uint32_t index = 0; index < devices->count; index++) {
        hash = mix64(hash ^ device_hash(devices->slots[index].device));
        hash = mix64(hash ^ devices->slots[index].owner_key);
    }
    return hash;
}
