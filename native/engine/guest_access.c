/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walk through a guest's tables with its rights: see guest_access.h. */
#include "guest_access.h"

#include <string.h>

#include "abi.h"
#include "core/machine_map.h"

#define FAULT_PRESENT 0x1u
#define FAULT_WRITE 0x2u
#define FAULT_USER 0x4u
#define LEVEL_COUNT 4

/* The entries on the way to a page, the highest first; a large page ends it early. */
struct walk {
    uint64_t entry_addresses[LEVEL_COUNT];
    uint64_t entry_count;
    uint64_t granted; /* what all levels have in common */
    uint64_t machine_address;
};

static uint64_t entry_at(const struct machine_memory *memory, uint64_t address)
{
    uint64_t entry;
    memcpy(&entry, memory->base + address, sizeof entry);
    return entry;
}

/* False where an entry is not present. */
static bool walk(const struct guest_rights *rights, uint64_t address, struct walk *walk)
{
    uint64_t table = rights->root & ENTRY_FRAME_MASK;
    uint64_t page_mask = PAGE_SIZE_BYTES - 1;
    walk->granted = ~0ull;
    walk->entry_count = 0;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t at = table + (address >> shift & (TABLE_ENTRY_COUNT - 1)) * sizeof(uint64_t);
        if (at + sizeof(uint64_t) > rights->memory->size_bytes) {
            return false;
        }
        uint64_t entry = entry_at(rights->memory, at);
        if ((entry & ENTRY_PRESENT) == 0) {
            return false;
        }
        walk->entry_addresses[walk->entry_count++] = at;
        walk->granted &= entry;
        table = entry & ENTRY_FRAME_MASK;
        if (shift == 21 && (entry & ENTRY_LARGE) != 0) {
            page_mask = (1ull << shift) - 1;
            break;
        }
    }
    walk->machine_address = (table & ~page_mask) | (address & page_mask);
    return walk->machine_address < rights->memory->size_bytes;
}

static bool page_allowed(const struct guest_rights *rights, uint64_t address, bool write,
                         struct guest_fault *fault)
{
    struct walk found;
    bool present = walk(rights, address, &found);
    bool granted = present && (!rights->user || (found.granted & ENTRY_USER) != 0) &&
                   (!write || (found.granted & ENTRY_WRITABLE) != 0);
    if (!granted) {
        fault->address = address;
        fault->error_code = (present ? FAULT_PRESENT : 0) | (write ? FAULT_WRITE : 0) |
                            (rights->user ? FAULT_USER : 0);
    }
    return granted;
}

/* Of an access, what lies in its first page. */
static uint32_t piece_bytes(uint64_t address, uint32_t size_bytes)
{
    uint32_t left = PAGE_SIZE_BYTES - (uint32_t)(address & (PAGE_SIZE_BYTES - 1));
    return left < size_bytes ? left : size_bytes;
}

bool guest_access_allowed(const struct guest_rights *rights, uint64_t address, uint32_t size_bytes,
                          bool write, struct guest_fault *fault)
{
    uint32_t first = piece_bytes(address, size_bytes);
    return page_allowed(rights, address, write, fault) &&
           (first == size_bytes || page_allowed(rights, address + first, write, fault));
}

/* The bytes of one page; the dirty bit is the last entry's alone. */
static uint8_t *take_page(const struct guest_rights *rights, uint64_t address, bool write)
{
    struct walk found;
    (void)walk(rights, address, &found);
    for (uint64_t index = 0; index < found.entry_count; index++) {
        bool last = index + 1 == found.entry_count;
        uint64_t at = found.entry_addresses[index];
        uint64_t entry = entry_at(rights->memory, at);
        uint64_t marked = entry | ENTRY_ACCESSED | (write && last ? ENTRY_DIRTY : 0);
        if (marked != entry) {
            memcpy(rights->memory->base + at, &marked, sizeof marked);
        }
    }
    return rights->memory->base + found.machine_address;
}

void guest_access_read(const struct guest_rights *rights, uint64_t address, void *to,
                       uint32_t size_bytes)
{
    uint32_t first = piece_bytes(address, size_bytes);
    memcpy(to, take_page(rights, address, false), first);
    if (first < size_bytes) {
        memcpy((uint8_t *)to + first, take_page(rights, address + first, false),
               size_bytes - first);
    }
}

void guest_access_write(const struct guest_rights *rights, uint64_t address, const void *from,
                        uint32_t size_bytes)
{
    uint32_t first = piece_bytes(address, size_bytes);
    memcpy(take_page(rights, address, true), from, first);
    if (first < size_bytes) {
        memcpy(take_page(rights, address + first, true), (const uint8_t *)from + first,
               size_bytes - first);
    }
}
