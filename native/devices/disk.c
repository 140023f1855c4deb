/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks: opening them, who may reach them, what a test makes go wrong, and what a snapshot holds.
 * How bytes get to a file or to memory is in disk_file.c and disk_memory.c. The first reason of an
 * error is kept; a later one does not hide it.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#include "disk_medium.h"
#include "state.h"

#define SAVED_MAGIC 0x31304b5344565500ull

void disk_refuse(struct disk *disk, const char *format, ...)
{
    va_list arguments;
    if (disk->reason[0] == '\0') {
        va_start(arguments, format);
        (void)vsnprintf(disk->reason, sizeof disk->reason, format, arguments);
        va_end(arguments);
    }
}

struct disk *disk_open(const struct disk_options *options, char reason[DEVICE_REASON_LIMIT])
{
    struct disk *disk = calloc(1, sizeof *disk);
    reason[0] = '\0';
    if (disk == NULL) {
        (void)snprintf(reason, DEVICE_REASON_LIMIT, "no host memory for a disk");
        return NULL;
    }
    disk->file = -1;
    disk->path = options->path == NULL ? NULL : strdup(options->path);
    disk->size_bytes = options->size_bytes;
    disk->read_only = options->read_only;
    bool ready = false;
    if (options->size_bytes % SECTOR_SIZE_BYTES != 0 ||
        options->size_bytes > DISK_SIZE_MAXIMUM_BYTES) {
        disk_refuse(disk, "a disk of %llu bytes: not whole sectors, or above 1 TiB",
                    (unsigned long long)options->size_bytes);
    } else if (options->path != NULL && disk->path == NULL) {
        disk_refuse(disk, "no host memory for a disk");
    } else {
        ready = options->path == NULL ? disk_memory_open(disk) : disk_file_open(disk);
    }
    if (!ready) {
        memcpy(reason, disk->reason, DEVICE_REASON_LIMIT);
        disk_close(disk);
        return NULL;
    }
    return disk;
}

void disk_close(struct disk *disk)
{
    if (disk != NULL) {
        disk_file_close(disk);
        disk_memory_close(disk);
        free(disk->path);
        free(disk);
    }
}

uint64_t disk_sector_count(const struct disk *disk)
{
    return disk->size_bytes / SECTOR_SIZE_BYTES;
}

bool disk_read_only(const struct disk *disk)
{
    return disk->read_only;
}

const char *disk_reason(const struct disk *disk)
{
    return disk->reason;
}

bool disk_port_take(struct disk *disk, uint32_t port)
{
    if (port >= DISK_PORT_COUNT || disk->ports[port].taken) {
        return false;
    }
    disk->ports[port] = (struct disk_port){.taken = true};
    return true;
}

void disk_port_release(struct disk *disk, uint32_t port)
{
    disk->ports[port] = (struct disk_port){0};
}

void disk_port_activate(struct disk *disk, uint32_t port, bool active)
{
    disk->ports[port].active = active;
}

bool disk_fault_add(struct disk *disk, const struct disk_fault *fault)
{
    if (disk->fault_count == DISK_FAULT_LIMIT) {
        return false;
    }
    disk->faults[disk->fault_count++] = *fault;
    return true;
}

void disk_fault_clear(struct disk *disk)
{
    memset(disk->faults, 0, sizeof disk->faults);
    disk->fault_count = 0;
}

static bool fault_matches(const struct disk_fault *fault, uint32_t operation, uint64_t sector,
                          uint64_t sector_count)
{
    if (fault->operation != 0 && fault->operation != operation) {
        return false;
    }
    return fault->sector_count == 0 ||
           (sector < fault->sector + fault->sector_count && fault->sector < sector + sector_count);
}

/* Every matching fault counts the access; the first that strikes decides. */
static int faults_strike(struct disk *disk, uint32_t operation, uint64_t sector,
                         uint64_t sector_count)
{
    int error = 0;
    for (uint32_t index = 0; index < disk->fault_count; index++) {
        struct disk_fault *fault = &disk->faults[index];
        if (!fault_matches(fault, operation, sector, sector_count)) {
            continue;
        }
        if (fault->skip_count != 0) {
            fault->skip_count--;
        } else if (disk->fault_spent[index] == 0 && error == 0) {
            error = fault->error;
            disk->fault_spent[index] = fault->strike_count == 1;
            fault->strike_count -= fault->strike_count != 0 ? 1 : 0;
        }
    }
    if (error != 0) {
        disk_refuse(disk, "sector %llu: %s, as was asked for", (unsigned long long)sector,
                    strerror(error));
    }
    return error;
}

static bool changes(uint32_t operation)
{
    return operation == DISK_OPERATION_write || operation == DISK_OPERATION_discard ||
           operation == DISK_OPERATION_write_zeroes;
}

int disk_check(struct disk *disk, uint32_t port, uint32_t operation, uint64_t sector,
               uint64_t sector_count)
{
    uint64_t limit = disk_sector_count(disk);
    if (!disk->ports[port].active) {
        disk_refuse(disk, "port %u is not active", port);
        return EACCES;
    }
    if (disk->ports[1 - port].active) {
        disk_refuse(disk, "both ports are active");
        return EACCES;
    }
    if (sector > limit || sector_count > limit - sector) {
        disk_refuse(disk, "%llu sectors from %llu on a disk of %llu",
                    (unsigned long long)sector_count, (unsigned long long)sector,
                    (unsigned long long)limit);
        return EINVAL;
    }
    if (disk->read_only && changes(operation)) {
        disk_refuse(disk, "a change of a read-only disk");
        return EROFS;
    }
    int error = faults_strike(disk, operation, sector, sector_count);
    if (error == 0 && disk->file >= 0 &&
        (changes(operation) || operation == DISK_OPERATION_flush)) {
        error = disk_file_present(disk);
    }
    return error;
}

int disk_read(struct disk *disk, uint64_t offset, uint8_t *data, uint64_t size_bytes)
{
    if (disk->file >= 0) {
        return disk_file_read(disk, offset, data, size_bytes);
    }
    memcpy(data, disk->memory + offset, size_bytes);
    return 0;
}

int disk_write(struct disk *disk, uint64_t offset, const uint8_t *data, uint64_t size_bytes)
{
    if (disk->file >= 0) {
        return disk_file_write(disk, offset, data, size_bytes);
    }
    disk_memory_write(disk, offset, data, size_bytes);
    return 0;
}

int disk_flush(struct disk *disk)
{
    return disk->file >= 0 ? disk_file_flush(disk) : 0;
}

int disk_zero(struct disk *disk, uint64_t sector, uint64_t sector_count, bool unmap)
{
    uint64_t offset = sector * SECTOR_SIZE_BYTES;
    uint64_t size_bytes = sector_count * SECTOR_SIZE_BYTES;
    if (disk->file >= 0) {
        return disk_file_zero(disk, offset, size_bytes, unmap);
    }
    disk_memory_zero(disk, offset, size_bytes);
    return 0;
}

static uint64_t identity_hash(const struct disk *disk)
{
    uint64_t words[] = {SAVED_MAGIC, disk->size_bytes, disk->read_only, disk->file >= 0};
    return state_hash(words, sizeof words, sizeof(struct disk));
}

size_t disk_save(const struct disk *disk, uint8_t *buffer, size_t capacity)
{
    struct state_writer writer = {buffer, capacity, 0};
    uint64_t identity = identity_hash(disk);
    state_put(&writer, &identity, sizeof identity);
    state_put(&writer, disk->faults, sizeof disk->faults);
    state_put(&writer, disk->fault_spent, sizeof disk->fault_spent);
    state_put(&writer, &disk->fault_count, sizeof disk->fault_count);
    state_put(&writer, disk->reason, sizeof disk->reason);
    disk_memory_save(disk, &writer);
    return writer.size_bytes;
}

bool disk_load(struct disk *disk, const uint8_t *buffer, size_t size_bytes)
{
    struct state_reader reader = {buffer, size_bytes, false};
    struct disk loaded = {0};
    uint64_t identity = 0;
    (void)state_get(&reader, &identity, sizeof identity);
    (void)state_get(&reader, loaded.faults, sizeof loaded.faults);
    (void)state_get(&reader, loaded.fault_spent, sizeof loaded.fault_spent);
    (void)state_get(&reader, &loaded.fault_count, sizeof loaded.fault_count);
    (void)state_get(&reader, loaded.reason, sizeof loaded.reason);
    if (reader.failed || identity != identity_hash(disk) || loaded.fault_count > DISK_FAULT_LIMIT ||
        loaded.reason[DEVICE_REASON_LIMIT - 1] != '\0' || !disk_memory_load(disk, &reader)) {
        return false;
    }
    memcpy(disk->faults, loaded.faults, sizeof disk->faults);
    memcpy(disk->fault_spent, loaded.fault_spent, sizeof disk->fault_spent);
    disk->fault_count = loaded.fault_count;
    memcpy(disk->reason, loaded.reason, sizeof disk->reason);
    return true;
}

uint64_t disk_hash(const struct disk *disk)
{
    uint64_t hash = state_hash(disk->faults, sizeof disk->faults, identity_hash(disk));
    hash = state_hash(disk->fault_spent, sizeof disk->fault_spent, hash);
    return state_mix(hash ^ disk_memory_hash(disk));
}
