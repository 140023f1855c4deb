/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest virtual memory as the monitor sees it: a walk of the guest's tables in
 * software, with the rights of the guest and the marks of the hardware walker, so
 * that both builds leave the same bits and the monitor never faults. Called by
 * whatever takes a pointer from a guest. Knows nothing of owners and types.
 */
#include "guest_memory.h"

#include "memory.h"

#define LEVEL_LIMIT 4

static inline uint64_t *walk_entry(uint64_t table_frame, uint64_t address, uint32_t level)
{
    uint64_t *entries = machine_pointer(table_frame << PAGE_SHIFT);

    return &entries[(address >> (PAGE_SHIFT + 9 * (level - 1))) % TABLE_ENTRY_COUNT];
}

/* Marks only after the whole walk has succeeded, so that a refusal changes nothing. */
static void walk_mark(uint64_t *const entries[LEVEL_LIMIT], uint32_t root_level,
                      enum guest_access access)
{
    uint64_t leaf_bits = ENTRY_ACCESSED;

    if (access == GUEST_WRITE) {
        leaf_bits |= ENTRY_DIRTY;
    }
    for (uint32_t level = root_level; level >= 1; level--) {
        uint64_t bits = level == 1 ? leaf_bits : ENTRY_ACCESSED;

        if ((*entries[level - 1] & bits) != bits) {
            platform_or(entries[level - 1], bits);
        }
    }
}

static uint64_t walk(const struct virtual_processor *record, uint64_t address,
                     enum guest_access access, bool mark)
{
    /* The kernel of a 64-bit guest is user to the processor, the one of a 32-bit guest not. */
    uint64_t needed = record_is_32(record) ? ENTRY_PRESENT : ENTRY_PRESENT | ENTRY_USER;
    uint32_t root_level = width_root_level(record->width);
    uint64_t frame_count = monitor_state()->device_first_frame; /* registers are no memory */
    uint64_t frame = record->kernel_root_frame;
    uint64_t *entries[LEVEL_LIMIT];

    if (!address_is_own(record, address)) {
        return 0;
    }
    if (access == GUEST_WRITE) {
        needed |= ENTRY_WRITABLE;
    }
    for (uint32_t level = root_level; level >= 1; level--) {
        uint64_t value;

        entries[level - 1] = walk_entry(frame, address, level);
        value = *(volatile uint64_t *)entries[level - 1];
        frame = (value & ENTRY_FRAME_MASK) >> PAGE_SHIFT;
        if ((value & (needed | ENTRY_LARGE)) != needed || frame >= frame_count) {
            return 0;
        }
    }
    if (mark) {
        walk_mark(entries, root_level, access);
    }
    return (frame << PAGE_SHIFT) + address % PAGE_SIZE_BYTES;
}

bool guest_memory_check(const struct virtual_processor *record, uint64_t address,
                        uint64_t size_bytes, enum guest_access access)
{
    if (size_bytes != 0 && address + (size_bytes - 1) < address) {
        return false;
    }
    while (size_bytes != 0) {
        uint64_t piece_bytes = guest_memory_piece(address, size_bytes);

        if (walk(record, address, access, false) == 0) {
            return false;
        }
        address += piece_bytes;
        size_bytes -= piece_bytes;
    }
    return true;
}

uint64_t guest_memory_address(const struct virtual_processor *record, uint64_t address,
                              enum guest_access access)
{
    return walk(record, address, access, true);
}

enum error guest_memory_peek(const struct virtual_processor *record, uint64_t address, void *to,
                             uint64_t size_bytes)
{
    uint8_t *target = to;

    if (size_bytes != 0 && address + (size_bytes - 1) < address) {
        return ERROR_fault;
    }
    while (size_bytes != 0) {
        uint64_t piece_bytes = guest_memory_piece(address, size_bytes);
        uint64_t machine_address = walk(record, address, GUEST_READ, false);

        if (machine_address == 0) {
            return ERROR_fault;
        }
        memory_copy(target, machine_pointer(machine_address), piece_bytes);
        target += piece_bytes;
        address += piece_bytes;
        size_bytes -= piece_bytes;
    }
    return ERROR_none;
}

void guest_memory_touch(const struct virtual_processor *record, uint64_t address,
                        uint64_t size_bytes)
{
    while (size_bytes != 0) {
        uint64_t piece_bytes = guest_memory_piece(address, size_bytes);
        uint64_t machine_address = walk(record, address, GUEST_READ, true);

        MONITOR_ASSERT(machine_address != 0);
        address += piece_bytes;
        size_bytes -= piece_bytes;
    }
}

enum error guest_memory_read(const struct virtual_processor *record, uint64_t address, void *to,
                             uint64_t size_bytes)
{
    enum error error = guest_memory_peek(record, address, to, size_bytes);

    if (error == ERROR_none) {
        guest_memory_touch(record, address, size_bytes);
    }
    return error;
}

enum error guest_memory_write(const struct virtual_processor *record, uint64_t address,
                              const void *from, uint64_t size_bytes)
{
    const uint8_t *source = from;

    if (guest_memory_piece(address, size_bytes) != size_bytes &&
        !guest_memory_check(record, address, size_bytes, GUEST_WRITE)) {
        return ERROR_fault;
    }
    while (size_bytes != 0) {
        uint64_t piece_bytes = guest_memory_piece(address, size_bytes);
        uint64_t machine_address = walk(record, address, GUEST_WRITE, true);

        if (machine_address == 0) {
            return ERROR_fault;
        }
        memory_copy(machine_pointer(machine_address), source, piece_bytes);
        source += piece_bytes;
        address += piece_bytes;
        size_bytes -= piece_bytes;
    }
    return ERROR_none;
}
