/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing what a guest's own tables map; see guest_memory.c. */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "state.h"

enum guest_access { GUEST_READ, GUEST_WRITE };

/*
 * Through the tables of the record's kernel mode and with its rights, which in 32 bits are
 * those of ring 1.
 */

/* True when every page of the range can be accessed so; changes nothing. */
bool guest_memory_check(const struct virtual_processor *record, uint64_t address,
                        uint64_t size_bytes, enum guest_access access);

/* The machine address behind one guest address, marked accessed (and dirty); 0 if there is none. */
uint64_t guest_memory_address(const struct virtual_processor *record, uint64_t address,
                              enum guest_access access);

/*
 * All or nothing: ERROR_fault leaves guest and tables as they were. A call that may yet be
 * refused peeks, which marks nothing, and touches the same range when it commits.
 */
enum error guest_memory_peek(const struct virtual_processor *record, uint64_t address, void *to,
                             uint64_t size_bytes);
void guest_memory_touch(const struct virtual_processor *record, uint64_t address,
                        uint64_t size_bytes);
enum error guest_memory_read(const struct virtual_processor *record, uint64_t address, void *to,
                             uint64_t size_bytes);
enum error guest_memory_write(const struct virtual_processor *record, uint64_t address,
                              const void *from, uint64_t size_bytes);

/* How much of a range of that size lies in the page of its first byte. */
static inline uint64_t guest_memory_piece(uint64_t address, uint64_t size_bytes)
{
    uint64_t rest_bytes = PAGE_SIZE_BYTES - address % PAGE_SIZE_BYTES;

    return size_bytes < rest_bytes ? size_bytes : rest_bytes;
}

#endif
