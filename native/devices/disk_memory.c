/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk in anonymous memory: for simulations, which have to go back to a snapshot. A byte a page
 * says what was ever written, so that saving and hashing a large disk costs what is on it.
 */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "disk_medium.h"
#include "state.h"

#define PAGE_BYTES 4096u

static uint64_t page_count(const struct disk *disk)
{
    return (disk->size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

bool disk_memory_open(struct disk *disk)
{
    if (disk->size_bytes == 0) {
        disk_refuse(disk, "a disk in memory needs a size");
        return false;
    }
    void *memory = mmap(NULL, page_count(disk) * PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    disk->written = calloc(page_count(disk), 1);
    disk->memory = memory == MAP_FAILED ? NULL : memory;
    if (disk->memory == NULL || disk->written == NULL) {
        disk_refuse(disk, "no host memory for a disk of %llu bytes",
                    (unsigned long long)disk->size_bytes);
        return false;
    }
    return true;
}

void disk_memory_close(struct disk *disk)
{
    if (disk->memory != NULL) {
        (void)munmap(disk->memory, page_count(disk) * PAGE_BYTES);
    }
    free(disk->written);
}

void disk_memory_write(struct disk *disk, uint64_t offset, const uint8_t *data, uint64_t size_bytes)
{
    if (size_bytes != 0) {
        uint64_t first = offset / PAGE_BYTES;
        uint64_t last = (offset + size_bytes - 1) / PAGE_BYTES;
        memset(disk->written + first, 1, last - first + 1);
        memcpy(disk->memory + offset, data, size_bytes);
    }
}

/* Whole pages go back to the host; parts are cleared where anything is. */
void disk_memory_zero(struct disk *disk, uint64_t offset, uint64_t size_bytes)
{
    uint64_t end = offset + size_bytes;
    while (offset < end) {
        uint64_t page = offset / PAGE_BYTES;
        uint64_t page_end = (page + 1) * PAGE_BYTES;
        uint64_t next = page_end < end ? page_end : end;
        if (disk->written[page] != 0) {
            memset(disk->memory + offset, 0, next - offset);
            if (next - offset == PAGE_BYTES) {
                (void)madvise(disk->memory + offset, PAGE_BYTES, MADV_DONTNEED);
                disk->written[page] = 0;
            }
        }
        offset = next;
    }
}

static bool page_holds(const struct disk *disk, uint64_t page)
{
    const uint8_t *bytes = disk->memory + page * PAGE_BYTES;
    return disk->written[page] != 0 &&
           (bytes[0] != 0 || memcmp(bytes, bytes + 1, PAGE_BYTES - 1) != 0);
}

void disk_memory_save(const struct disk *disk, struct state_writer *writer)
{
    for (uint64_t page = 0; disk->memory != NULL && page < page_count(disk); page++) {
        if (page_holds(disk, page)) {
            state_put(writer, &page, sizeof page);
            state_put(writer, disk->memory + page * PAGE_BYTES, PAGE_BYTES);
        }
    }
}

static bool pages_sound(const struct disk *disk, struct state_reader reader)
{
    uint64_t page = 0;
    while (reader.rest_bytes != 0 && !reader.failed) {
        if (!state_get(&reader, &page, sizeof page) || disk->memory == NULL ||
            page >= page_count(disk) || state_take(&reader, PAGE_BYTES) == NULL) {
            return false;
        }
    }
    return true;
}

bool disk_memory_load(struct disk *disk, struct state_reader *reader)
{
    if (!pages_sound(disk, *reader)) {
        return false;
    }
    if (disk->memory != NULL) {
        disk_memory_zero(disk, 0, page_count(disk) * PAGE_BYTES);
    }
    while (reader->rest_bytes != 0) {
        uint64_t page = 0;
        (void)state_get(reader, &page, sizeof page);
        disk_memory_write(disk, page * PAGE_BYTES, state_take(reader, PAGE_BYTES), PAGE_BYTES);
    }
    return true;
}

uint64_t disk_memory_hash(const struct disk *disk)
{
    uint64_t sum = 0;
    for (uint64_t page = 0; disk->memory != NULL && page < page_count(disk); page++) {
        if (page_holds(disk, page)) {
            sum += state_hash(disk->memory + page * PAGE_BYTES, PAGE_BYTES, state_mix(page));
        }
    }
    return sum;
}
