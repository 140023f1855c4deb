/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine memory: see machine_memory.h. */
#define _GNU_SOURCE
#include "machine_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi.h"
#include "core/machine_map.h"
#include "native.h"

int memory_create(struct machine_memory *memory, uint64_t size_bytes)
{
    memset(memory, 0, sizeof *memory);
    memory->descriptor = memfd_create("ultravisor-memory", MFD_CLOEXEC);
    if (memory->descriptor < 0 || ftruncate(memory->descriptor, (off_t)size_bytes) != 0) {
        return NATIVE_NO_MEMORY;
    }
    void *base = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                      memory->descriptor, 0);
    if (base == MAP_FAILED) {
        return NATIVE_NO_MEMORY;
    }
    memory->base = base;
    memory->size_bytes = size_bytes;
    void *alias = mmap(NULL, VIEW_REGION_SIZE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                       memory->descriptor, VIEW_REGION_ADDRESS);
    if (alias == MAP_FAILED ||
        mprotect(memory->base + VIEW_REGION_ADDRESS, VIEW_REGION_SIZE_BYTES, PROT_READ) != 0) {
        return NATIVE_NO_MEMORY;
    }
    memory->view_alias = alias;
    return NATIVE_OK;
}

void memory_destroy(struct machine_memory *memory)
{
    memory_untrack(memory);
    if (memory->view_alias != NULL) {
        (void)munmap(memory->view_alias, VIEW_REGION_SIZE_BYTES);
    }
    if (memory->base != NULL) {
        (void)munmap(memory->base, memory->size_bytes);
    }
    if (memory->descriptor >= 0) {
        (void)close(memory->descriptor);
    }
    memset(memory, 0, sizeof *memory);
    memory->descriptor = -1;
}

bool memory_next_run(const struct machine_memory *memory, uint64_t *first, uint64_t *last)
{
    off_t data = lseek(memory->descriptor, (off_t)(*last * PAGE_SIZE_BYTES), SEEK_DATA);
    if (data < 0 || (uint64_t)data >= memory->size_bytes) {
        return false;
    }
    off_t hole = lseek(memory->descriptor, data, SEEK_HOLE);
    *first = (uint64_t)data / PAGE_SIZE_BYTES;
    *last = hole < 0 ? memory->size_bytes / PAGE_SIZE_BYTES : (uint64_t)hole / PAGE_SIZE_BYTES;
    return true;
}

/* Four independent lanes, so that the multiplications overlap. */
uint64_t memory_hash(const void *data, uint64_t size_bytes, uint64_t seed)
{
    const uint8_t *bytes = data;
    uint64_t lanes[4] = {seed, seed + 1, seed + 2, seed + 3};
    uint64_t word;
    for (uint64_t at = 0; at + 8 <= size_bytes; at += 8) {
        uint64_t *lane = &lanes[at / 8 % 4];
        memcpy(&word, bytes + at, sizeof word);
        *lane = (*lane ^ word) * 0x9fb21c651e98df25ull;
        *lane ^= *lane >> 29;
    }
    uint64_t result = mix64(lanes[0]);
    for (unsigned index = 1; index < 4; index++) {
        result = mix64(result ^ lanes[index]);
    }
    return result;
}

uint64_t memory_translate(const struct machine_memory *memory, uint64_t root, uint64_t address)
{
    if (root == 0) {
        return address - MONITOR_DIRECT_ADDRESS;
    }
    uint64_t table = root & ENTRY_FRAME_MASK;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry;
        uint64_t at = table + (address >> shift & (TABLE_ENTRY_COUNT - 1)) * 8;
        if (at + 8 > memory->size_bytes) {
            return 0;
        }
        memcpy(&entry, memory->base + at, sizeof entry);
        if ((entry & ENTRY_PRESENT) == 0) {
            return 0;
        }
        if ((entry & ENTRY_LARGE) != 0 && shift == 21) {
            return (entry & ENTRY_FRAME_MASK & ~0x1fffffull) | (address & 0x1fffff);
        }
        table = entry & ENTRY_FRAME_MASK;
    }
    return table | (address & (PAGE_SIZE_BYTES - 1));
}
